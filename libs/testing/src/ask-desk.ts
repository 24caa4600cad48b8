import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';

/** Asks the run's desk (`global-setup.ts`) for a server, which is started if this is the first question. */
export async function askDesk<Answer>(path: '/postgres' | '/kafka'): Promise<Answer> {
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    request({ socketPath: inject('serverDesk'), path }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    }).on('error', reject).end();
  });
  if (answer.status !== 200) throw new Error(`the run has no server at ${path}: ${answer.body}`);
  return JSON.parse(answer.body) as Answer;
}
