// `node test/clients/build.mjs`: gets the clients that the tests of this folder use, into node_modules/.cache/clients.
// The newest kubectl and a program with client-go are built from Go modules (some minutes the first time), Debian's old
// kubectl is taken from its package. What cannot be had is said, with the reason; that is no error.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../node_modules/.cache/clients');
const go = join(import.meta.dirname, 'go');

/** @returns {string | undefined} why it failed */
const run = (command, args, options = {}) => {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (error) return error.code === 'ENOENT' ? `${command} is not installed` : error.message;
  return status === 0 ? undefined : `${command} ${args[0]} ended with ${status}: ${(stderr ?? '').trim().split('\n').at(-1)}`;
};

const build = (name, program, flags) => run('go', ['build', '-trimpath', '-ldflags', `-s -w ${flags}`, '-o', join(folder, name), `./${program}`], { cwd: go });

const kubernetes = 'k8s.io/component-base/version';
const newest = () => build('kubectl-newest', 'kubectl', `-X ${kubernetes}.gitVersion=v1.37.2 -X ${kubernetes}.gitMajor=1 -X ${kubernetes}.gitMinor=37`);

const debian = () => {
  const work = mkdtempSync(join(tmpdir(), 'ipledger-kubectl-'));
  try {
    const failed = run('apt-get', ['download', 'kubernetes-client'], { cwd: work });
    if (failed) return failed;
    const [name = ''] = readdirSync(work);
    const unpacked = run('dpkg-deb', ['-x', name, 'root'], { cwd: work });
    if (unpacked) return unpacked;
    return run('cp', [join(work, 'root/usr/bin/kubectl'), join(folder, 'kubectl-debian')]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

mkdirSync(folder, { recursive: true });
/** @type {Record<string, () => string | undefined>} */
const clients = { 'kubectl-newest': newest, 'kubectl-debian': debian, 'client-go': () => build('client-go', 'client', '') };
for (const name in clients) {
  // Go's own cache knows what changed; the package does not change under its name.
  const failed = name === 'kubectl-debian' && existsSync(join(folder, name)) ? undefined : clients[name]();
  console.log(`${name}: ${failed ?? 'there'}`);
}
