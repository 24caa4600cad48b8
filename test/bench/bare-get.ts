// A Fastify that does nothing but answer a Service with the SELECT that the service makes for it: what `get` is compared with.
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import pg from 'pg';

const [databaseUrl, clusterId] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
const app = fastify({ logger: false });
const text = `SELECT namespace, name, uid, revision, document FROM documents
  WHERE cluster_id = $1 AND (namespace, name) IN (SELECT * FROM unnest($2::text[], $3::text[]))`;

app.get('/clusters/:cluster/api/v1/namespaces/:namespace/services/:name', async (request, reply) => {
  const { namespace, name } = request.params as { namespace: string; name: string };
  const { rows } = await pool.query<{ document: string }>({ name: 'documents', text, values: [clusterId, [namespace], [name]] });
  return reply.code(rows.length === 0 ? 404 : 200).type('application/json').send(rows[0]?.document ?? '{}');
});
process.on('disconnect', () => process.exit(0));
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.((app.server.address() as AddressInfo).port);
