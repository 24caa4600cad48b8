import type { SignIn } from '@ipledger/access';
import { Controller, Get, Inject, NotFoundException, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pageHeaders } from '../security-headers.js';
import { SIGN_IN } from '../tokens.js';
import { importMapOf, readAssets, type Asset } from './assets.js';

const assets = readAssets();

/** The page that people look at: clusters, pools, who holds what, what happens. It calls the same API as everybody. */
@Controller()
export class PageController {
  private readonly index: Asset;
  private readonly headers: Record<string, string>;

  constructor(@Inject(SIGN_IN) { oidc }: SignIn) {
    const index = assets.get('index.html');
    if (index === undefined) throw new Error('the page has no index.html');
    this.index = index;
    this.headers = pageHeaders({ styles: [], scripts: [importMapOf(index.body)], connect: oidc === null ? [] : [new URL(oidc.issuer).origin] });
  }

  @Get()
  page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(this.index, request, reply.headers(this.headers));
  }

  @Get('assets/:name')
  asset(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const asset = assets.get(name);
    if (asset === undefined || asset === this.index) throw new NotFoundException();
    send(asset, request, reply);
  }
}

/** A browser asks again each time and mostly gets a 304, so that a new version shows at the next load. */
const send = ({ body, contentType, etag }: Asset, request: FastifyRequest, reply: FastifyReply): void => {
  const isKnown = request.headers['if-none-match'] === etag;
  void reply.code(isKnown ? 304 : 200).headers({ 'content-type': contentType, etag, 'cache-control': 'no-cache' }).send(isKnown ? undefined : body);
};
