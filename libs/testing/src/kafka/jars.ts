import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest broker that passed every check, a clean `kill -9` included, with our client. */
export const kafkaVersion = '4.1.2';
const downloadMsMax = 300_000;

/** Why no broker can be had here, for a skip or a failure. */
export class NoBroker extends Error {}

/** `java` 17 or newer, from JAVA_HOME or the PATH. @throws NoBroker */
export async function findJava(): Promise<string> {
  const java = process.env['JAVA_HOME'] === undefined ? 'java' : path.join(process.env['JAVA_HOME'], 'bin', 'java');
  // `java -version` answers on standard error.
  const answer = await run(java, ['-version']).catch(() => undefined);
  const major = Number(/version "(\d+)/.exec(answer?.stderr ?? '')?.[1] ?? 0);
  if (major < 17) throw new NoBroker(`${java} is ${major === 0 ? 'not there' : `version ${major}`}; a broker needs Java 17 or newer`);
  return java;
}

/**
 * The folder with the jars of the broker, fetched by Maven when they are not there yet (55 MB, about 20 s). Runs at the same
 * time are safe: each fetches into a folder of its own, and the first to finish gives it the name.
 * @throws NoBroker
 */
export async function fetchJars(): Promise<string> {
  const cache = path.resolve(import.meta.dirname, '../../../../node_modules/.cache');
  const jars = path.join(cache, `kafka-${kafkaVersion}-with-tools`);
  if (existsSync(jars)) return jars;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, 'kafka-fetch-'));
  try {
    await writeFile(path.join(folder, 'pom.xml'), pom);
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    await run('mvn', ['-B', '-q', '-ntp', '-f', path.join(folder, 'pom.xml'), goal, '-DincludeScope=runtime', `-DoutputDirectory=${folder}/libs`], { timeout: downloadMsMax })
      .catch((error: Error) => { throw new NoBroker(`Maven could not fetch the broker: ${error.message}`); });
    // Renaming onto a folder that is there and not empty fails: then another run was first, with the same files.
    await rename(path.join(folder, 'libs'), jars).catch(async (error: unknown) => {
      if (!(await stat(jars).catch(() => undefined))?.isDirectory()) throw error;
    });
    return jars;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// kafka-tools: the console consumer. slf4j-simple: without it a broker fails without a word.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>ipledger</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${kafkaVersion}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;
