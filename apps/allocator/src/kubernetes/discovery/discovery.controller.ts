import { Controller, Get, Inject, NotFoundException, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { header } from '../../request-context.js';
import { VERSION } from '../../tokens.js';
import { Writers } from '../../writer/writers.js';
import { fixedDocument, sendFixed, type FixedDocument } from '../cached.js';
import { knownCluster } from '../known-cluster.js';
import { noSuchResource, status } from '../status.js';
import { StatusError } from '../status-error.js';
import { apiGroup, apiGroupList, apiResourceList, apiVersions, groupDiscoveryList, versionInfo } from './documents.js';

const json = 'application/json';
const aggregated = (root: 'api' | 'apis', version: 'v2' | 'v2beta1'): FixedDocument =>
  fixedDocument(`${json};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`, groupDiscoveryList(root, version));

/** What clients read first: which kinds there are, at which paths, and the version of the API. */
@Controller('clusters/:cluster')
export class DiscoveryController {
  private readonly groupList = fixedDocument(json, apiGroupList());
  private readonly aggregated = {
    api: { v2: aggregated('api', 'v2'), v2beta1: aggregated('api', 'v2beta1') },
    apis: { v2: aggregated('apis', 'v2'), v2beta1: aggregated('apis', 'v2beta1') },
  };

  constructor(private readonly writers: Writers, @Inject(VERSION) private readonly version: string) {}

  @Get('version')
  async versionInfo(@Param('cluster') name: string): Promise<object> {
    await knownCluster(this.writers, name);
    return versionInfo(this.version);
  }

  @Get('api')
  async api(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await knownCluster(this.writers, name);
    const form = discoveryForm(request);
    sendFixed(request, reply, form === 'classic' ? fixedDocument(json, apiVersions(request.host)) : this.aggregated.api[form]);
  }

  @Get('apis')
  async apis(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await knownCluster(this.writers, name);
    const form = discoveryForm(request);
    sendFixed(request, reply, form === 'classic' ? this.groupList : this.aggregated.apis[form]);
  }

  @Get('api/:version')
  async core(@Param() { cluster, version }: { cluster: string; version: string }): Promise<object> {
    await knownCluster(this.writers, cluster);
    return found(apiResourceList('', version));
  }

  @Get('apis/:group')
  async group(@Param() { cluster, group }: { cluster: string; group: string }): Promise<object> {
    await knownCluster(this.writers, cluster);
    const document = apiGroup(group);
    if (document === undefined) throw new NotFoundException();
    return document;
  }

  @Get('apis/:group/:version')
  async groupVersion(@Param() { cluster, group, version }: { cluster: string; group: string; version: string }): Promise<object> {
    await knownCluster(this.writers, cluster);
    if (apiGroup(group) === undefined) throw new NotFoundException();
    return found(apiResourceList(group, version));
  }
}

const found = (document: object | undefined): object => {
  if (document === undefined) throw new StatusError(noSuchResource());
  return document;
};

/** The first form in `Accept` that is served. @throws StatusError 406 */
const discoveryForm = (request: FastifyRequest): 'classic' | 'v2' | 'v2beta1' => {
  const ranges = (header(request, 'accept') ?? json).split(',').map((range) => range.split(';').map((part) => part.trim()));
  for (const [type = '', ...parameters] of ranges) {
    if (!/^(\*\/\*|application\/(\*|json))?$/i.test(type)) continue;
    if (!parameters.some((parameter) => parameter.startsWith('as='))) return 'classic';
    if (!parameters.includes('as=APIGroupDiscoveryList') || !parameters.includes('g=apidiscovery.k8s.io')) continue;
    if (parameters.some((parameter) => parameter.startsWith('profile='))) continue;
    if (parameters.includes('v=v2')) return 'v2';
    if (parameters.includes('v=v2beta1')) return 'v2beta1';
  }
  throw new StatusError(status(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${json}`, {}));
};
