// The rules of layout that neither compiler nor linter knows: who may import whom, sizes, purity, dead exports.
// `npm run check` runs this file; test/tidy.spec.ts trips every rule.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

/** Path from the root, with `/`, to its text. */
export type Sources = ReadonlyMap<string, string>;

/** Which libs a lib may import. What is not here is refused: event-store must not know the rules of Services, ip knows nobody. */
const libsOf: Readonly<Record<string, readonly string[]>> = {
  ip: [],
  services: ['ip'],
  'event-store': ['ip'],
  messaging: ['ip', 'services', 'event-store', 'runtime'],
  views: ['ip', 'services', 'event-store', 'messaging', 'runtime'],
  verify: ['ip', 'services', 'event-store', 'messaging', 'views', 'runtime'],
  runtime: [],
  observability: ['ip', 'services', 'event-store', 'messaging', 'views', 'runtime'],
  access: ['runtime'],
  testing: ['event-store', 'messaging', 'runtime'],
};
const pureLibs = ['ip', 'services'];
const fileLinesMax = 400;
const functionLinesMax = 70;

/** What was too long when the rule came: `path` or `path#function` to lines. May shrink and go, never grow. */
export const tooLongYet: Readonly<Record<string, number>> = {};
/** Offered by an index before anybody takes it, as `lib:name`. What is taken, or no longer offered, must leave the list. */
export const unusedYet: readonly string[] = [
  'ip:SloppyCidr',
  'testing:EventuallyOptions', 'testing:TestKafka',
];

type Import = { specifier: string; names: readonly string[]; dynamic: boolean };
type File = { path: string; owner: string; lib: string | null; isTest: boolean; source: ts.SourceFile; imports: readonly Import[] };

/** Every broken rule, as `path: what is wrong`; empty when tidy. */
export const problemsOf = (sources: Sources, exceptions = { tooLongYet, unusedYet }): string[] => {
  const files = [...sources].map(([name, text]) => parse(name, text));
  return [
    ...files.flatMap((file) => [...importProblems(file), ...purityProblems(file)].map((problem) => `${file.path}: ${problem}`)),
    ...sizeProblems(files, exceptions.tooLongYet),
    ...deadExportProblems(files, exceptions.unusedYet),
  ];
};

const parse = (name: string, text: string): File => {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2023, true);
  const [top = '', second = ''] = name.split('/');
  const imports: Import[] = [];
  each(source, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ specifier: node.moduleSpecifier.text, names: importedNames(node), dynamic: false });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0] && ts.isStringLiteral(node.arguments[0])) {
      imports.push({ specifier: node.arguments[0].text, names: ['*'], dynamic: true });
    }
  });
  return {
    path: name, owner: top === 'libs' || top === 'apps' ? `${top}/${second}` : top, lib: top === 'libs' ? second : null,
    isTest: name.endsWith('.spec.ts') || /\/(test|testing|bench)\//.test(`/${name}`), source, imports,
  };
};

const each = (node: ts.Node, visit: (node: ts.Node) => void): void => {
  visit(node);
  node.forEachChild((child) => each(child, visit));
};

const importedNames = (node: ts.ImportDeclaration | ts.ExportDeclaration): string[] => {
  const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  if (!bindings || !('elements' in bindings)) return ['*'];
  return bindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text);
};

const importProblems = (file: File): string[] => file.imports.flatMap(({ specifier, dynamic }) => {
  const alias = /^@ipledger\/([^/]+)(\/.*)?$/.exec(specifier);
  if (specifier.startsWith('.')) return relativeImportProblems(file, specifier);
  if (alias) return aliasProblems(file, alias[1]!, alias[2] !== undefined, dynamic);
  if (specifier.startsWith('@nestjs/') && file.lib !== null && !file.path.endsWith('.module.ts')) return [`imports ${specifier}: Nest stays in apps and *.module.ts`];
  if (isPure(file)) return [`imports ${specifier}: a pure lib imports no package`];
  return [];
});

const isPure = ({ lib, isTest }: File): boolean => lib !== null && pureLibs.includes(lib) && !isTest;

const aliasProblems = (file: File, lib: string, isDeep: boolean, dynamic: boolean): string[] => {
  if (isDeep) return [`imports from inside @ipledger/${lib}: a lib is reached through its index`];
  if (dynamic && !file.isTest) return [`imports @ipledger/${lib} dynamically: the build leaves that alias as it is, and it fails at run time`];
  if (file.lib === null) return lib === 'testing' && file.owner !== 'test' && !file.isTest ? ['imports @ipledger/testing outside tests'] : [];
  // A suite or bench may also use its own lib by name, the test helpers, and runtime to start a Postgres.
  if (file.isTest && ['testing', 'runtime', file.lib].includes(lib)) return [];
  const allowed = libsOf[file.lib];
  if (allowed === undefined) return [`is in a lib without a rule: give libs/${file.lib} a line in .ci/tidy.ts`];
  return allowed.includes(lib) ? [] : [`imports @ipledger/${lib}, which libs/${file.lib} must not know`];
};

const relativeImportProblems = (file: File, specifier: string): string[] => {
  if (file.owner === 'test') return [];
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file.path), specifier));
  if (target.startsWith(`${file.owner}/`)) return [];
  if (target.startsWith('libs/')) return [`imports ${specifier}: a lib is reached as @ipledger/…`];
  const isAppIndex = /^apps\/[^/]+\/src\/index\.js$/.test(target);
  if (file.owner === 'apps/standalone' && isAppIndex) return [];
  return target.startsWith('apps/') ? [`imports ${specifier}: only standalone imports apps, and only their index`] : [];
};

/** What the linter has no rule for: the rest of the purity of libs/ip and libs/services is in oxlintrc.json. */
const purityProblems = (file: File): string[] => {
  const found = new Set<string>();
  if (!isPure(file)) return [];
  each(file.source, (node) => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) found.add('is asynchronous: a pure lib is not');
    if (ts.isDecorator(node)) found.add('has a decorator: a pure lib has none');
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) found.add('reads the clock: time comes in as data');
  });
  return [...found];
};

const sizeProblems = (files: readonly File[], exceptions: Readonly<Record<string, number>>): string[] => {
  const tooLong = new Map<string, { lines: number; max: number }>();
  for (const { path: name, source, isTest } of files) {
    const fileLines = source.text.split('\n').length - 1;
    if (fileLines > fileLinesMax) tooLong.set(name, { lines: fileLines, max: fileLinesMax });
    each(source, (node) => {
      const functionName = nameOfFunction(node);
      if (functionName === null) return;
      const [start, end] = [node.getStart(source), node.end].map((position) => source.getLineAndCharacterOfPosition(position).line);
      const length = end! - start! + 1;
      if (length > functionLinesMax && !(isTest && holdsCases(node))) tooLong.set(`${name}#${functionName}`, { lines: length, max: functionLinesMax });
    });
  }
  const grown = [...tooLong].filter(([key, { lines }]) => lines > (exceptions[key] ?? 0))
    .map(([key, { lines, max }]) => `${key}: ${lines} lines, at most ${exceptions[key] ?? max}`);
  const shrunk = Object.entries(exceptions).filter(([key, lines]) => (tooLong.get(key)?.lines ?? 0) < lines)
    .map(([key]) => `${key}: shorter than its exception in .ci/tidy.ts, which must shrink too`);
  return [...grown, ...shrunk];
};

/** Functions with a name of their own: declarations, methods, and arrows bound to a name. A `describe` callback is not one. */
const nameOfFunction = (node: ts.Node): string | null => {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isAccessor(node)) return node.name?.getText() ?? 'default';
  if ((ts.isArrowFunction(node) || ts.isFunctionExpression(node)) && (ts.isVariableDeclaration(node.parent) || ts.isPropertyDeclaration(node.parent) || ts.isPropertyAssignment(node.parent))) {
    return node.parent.name.getText();
  }
  return null;
};

/** A suite that is a function, so that it can run on several stores, is a list of cases; its file bounds it. */
const holdsCases = (node: ts.Node): boolean => /\b(describe|it)(\.each)?[(`<]/.test(node.getText());

const deadExportProblems = (files: readonly File[], exceptions: readonly string[]): string[] => {
  const dead = deadExports(files);
  return [
    ...dead.filter((name) => !exceptions.includes(name)).map((name) => `libs/${name.replace(':', '/src/index.ts: nobody uses ')}`),
    ...exceptions.filter((name) => !dead.includes(name)).map((name) => `${name} is used now or gone: take it off the list in .ci/tidy.ts`),
    ...files.filter(isIndex).filter(({ source }) => source.statements.some((s) => ts.isExportDeclaration(s) && !s.exportClause && !s.isTypeOnly))
      .map((file) => `${file.path}: an index lists names, it does not star them`),
  ];
};

const isIndex = ({ path: name }: File): boolean => /^libs\/[^/]+\/src\/index\.ts$/.test(name);

/**
 * What a lib's index offers and nobody takes. A value must be imported somewhere through the lib's name; for a type it is
 * enough that some other file says its name, since types are also exported so that a caller can write them down.
 */
const deadExports = (files: readonly File[]): string[] => files.filter(isIndex).flatMap((index) => {
  const taken = new Set(files.flatMap(({ imports }) => imports.filter(({ specifier }) => specifier === `@ipledger/${index.lib}`)).flatMap(({ names }) => names));
  return index.source.statements.filter(ts.isExportDeclaration).flatMap(({ exportClause, moduleSpecifier, isTypeOnly }) => {
    if (!exportClause || !ts.isNamedExports(exportClause) || !moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return [];
    const home = path.posix.join(path.posix.dirname(index.path), moduleSpecifier.text.replace(/\.js$/, '.ts'));
    return exportClause.elements.filter(({ name, isTypeOnly: isType }) => !taken.has(name.text) && !taken.has('*')
      && !((isType || isTypeOnly) && isNamedElsewhere(files, name.text, [home, index.path])))
      .map(({ name }) => `${index.lib}:${name.text}`);
  });
});

const isNamedElsewhere = (files: readonly File[], name: string, except: readonly string[]): boolean =>
  files.some((file) => file.owner !== '.ci' && !except.includes(file.path) && new RegExp(`\\b${name}\\b`).test(file.source.text));

/** All TypeScript of the repository. */
export const repositorySources = (): Sources => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const names = ['apps', 'libs', 'test', 'deploy', '.ci'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`));
  return new Map(names.filter((name) => name.endsWith('.ts')).sort().map((name) => [name, readFileSync(path.join(root, name), 'utf8')]));
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = problemsOf(repositorySources());
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
