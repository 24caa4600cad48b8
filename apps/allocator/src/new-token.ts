import { parseArgs } from 'node:util';
import { newToken } from '@ipledger/access';

const help = `npm run token -- --name ci --role allocator [--cluster prod]... [--namespace team-a]... [--expires 2027-01-31T00:00:00Z]

Makes a token and the entry of the access file that lets it in. Roles: reader, allocator, admin.
`;

/** Prints to people, so no log lines; the token goes nowhere else and cannot be shown again. */
try {
  const { values } = parseArgs({
    options: {
      name: { type: 'string' }, role: { type: 'string' }, expires: { type: 'string' }, help: { type: 'boolean' },
      cluster: { type: 'string', multiple: true }, namespace: { type: 'string', multiple: true },
    },
  });
  if (values.help === true || values.name === undefined) {
    process.stdout.write(help);
    process.exitCode = values.help === true ? 0 : 1;
  } else {
    const { name, role, expires, cluster: clusters, namespace: namespaces } = values;
    const { token, entry } = newToken({ name, ...(role && { role }), ...(clusters && { clusters }), ...(namespaces && { namespaces }), ...(expires && { expires }) });
    process.stdout.write(`The token, shown this once:\n\n${token}\n\nIts entry under "tokens:" in the access file:\n\n${entry}`);
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
