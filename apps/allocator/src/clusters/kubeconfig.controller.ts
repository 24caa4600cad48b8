import { identityOf } from '@ipledger/access';
import { Controller, Get, Header, Inject, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { TRUSTED } from '../tokens.js';
import { Writers } from '../writer/writers.js';

/** Stands where a token belongs. A client that sends it is told 401: the token is not accepted. */
const placeholder = 'REPLACE_WITH_YOUR_TOKEN';

const withToken = `# Put your token in the place of ${placeholder}, or give it to each command: kubectl --token=...\n`;
const overPlainHttp = '# kubectl sends no token to an http:// server: put the https:// URL of what ends TLS in front of it into "server".\n';
const withCertificate = '# Add your certificate to the user as client-certificate and client-key, or give it to each command: kubectl --client-certificate=... --client-key=...\n';

/**
 * What `kubectl --kubeconfig` needs to reach one cluster: its URL, as this request reached us, whom to trust there, and a user
 * with the name of whoever asks. Never his credentials, although a token came with the request: this answer is kept in
 * files and passed on, and must not be worth stealing.
 */
@Controller('v1/clusters/:cluster')
export class KubeconfigController {
  constructor(private readonly writers: Writers, @Inject(TRUSTED) private readonly trusted: () => string) {}

  @Get('kubeconfig')
  @Header('content-type', 'application/yaml')
  async kubeconfig(@Param('cluster') name: string, @Req() request: FastifyRequest): Promise<string> {
    if ((await this.writers.findNow(name)) === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    const { host, protocol } = request;
    if (!/^[\w.\-[\]:]+$/.test(host)) throw new ProblemError(problem('invalid_request', 'the header Host must name this server, since the kubeconfig points at it'));
    const { instruction, userName, user } = credentialsFor(request);
    return instruction + stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server: `${protocol}://${host}/clusters/${name}`, ...(protocol === 'http' ? plain : this.authority()) } }],
      users: [{ name: userName, user }],
      contexts: [{ name, context: { cluster: name, user: userName, namespace: 'default' } }],
      'current-context': name,
    }, { lineWidth: 0 });
  }

  private authority(): object {
    const trusted = this.trusted();
    return trusted === '' ? {} : { 'certificate-authority-data': Buffer.from(trusted).toString('base64') };
  }
}

/** Clients that check certificates refuse plain HTTP unless told that there is none to check. */
const plain = { 'insecure-skip-tls-verify': true };

/** No actor: nobody is asked who he is. No `Authorization`: it was the connection that said who it is. */
const credentialsFor = (request: FastifyRequest): { instruction: string; userName: string; user: object } => {
  const { actor } = identityOf(request);
  if (actor === null) return { instruction: '', userName: 'anonymous', user: {} };
  return request.headers.authorization === undefined
    ? { instruction: withCertificate, userName: actor, user: {} }
    : { instruction: request.protocol === 'http' ? withToken + overPlainHttp : withToken, userName: actor, user: { token: placeholder } };
};
