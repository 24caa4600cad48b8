import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { listenAt, StartProblem, startProblemOf } from './start-problem.js';

const away = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { retriable: true });
const tooOld = Object.assign(new Error('The database server is Postgres 14, but 15 or newer is needed.'), { retriable: false });

describe('a start that fails', () => {
  it.each<[string, unknown, string | undefined]>([
    ['with a sentence', new StartProblem('no'), 'no'],
    ['over the embedded Postgres', new EmbeddedPostgresError('already_running', 'is running already'), 'is running already'],
    ['without a database', away, 'the database cannot be used: connect ECONNREFUSED 10.0.0.1:5432; check DATABASE_URL, and that Postgres runs and lets this user in'],
    ['over a database that will never do', tooOld, 'The database server is Postgres 14, but 15 or newer is needed.'],
    ['for a reason that nobody foresaw', new TypeError('x is not a function'), undefined],
    ['for something that is no error', 'x', undefined],
  ])('%s says so', (_, error, sentence) => expect(startProblemOf(error)).toBe(sentence));

  it.each([
    ['EADDRINUSE', 'port 80 on h is in use by another program; stop it, or start with --port and another number'],
    ['EACCES', 'port 80 may not be used by this user; start with --port and a number from 1024 on'],
    ['EADDRNOTAVAIL', 'h is no address of this machine; start with --host and one that is, such as 127.0.0.1'],
    ['ENOTFOUND', 'h is no address of this machine; start with --host and one that is, such as 127.0.0.1'],
  ])('%s says what to do', async (code, sentence) =>
    expect(listenAt(() => Promise.reject(Object.assign(new Error(code), { code })), 80, 'h')).rejects.toEqual(new StartProblem(sentence)));

  it('of another kind is passed on as it is', async () => {
    const other = new Error('EMFILE');
    await expect(listenAt(() => Promise.reject(other), 80, 'h')).rejects.toBe(other);
    await expect(listenAt((port) => Promise.resolve(port + 1), 80, 'h')).resolves.toBe(81);
  });
});
