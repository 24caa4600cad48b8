import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { pageHeaders } from '../security-headers.js';
import { VERSION } from '../tokens.js';
import { openApiDocument } from './openapi.js';
import { docsPage, docsStyle } from './page.js';

/** The API described: for machines and for people. */
@Controller()
export class DocsController {
  private readonly document: ReturnType<typeof openApiDocument>;
  constructor(@Inject(VERSION) version: string) {
    this.document = openApiDocument(version);
  }

  @Get('openapi.json')
  openApi(): object {
    return this.document;
  }

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.headers(pageHeaders({ styles: [docsStyle], scripts: [], connect: [] }));
    return docsPage(this.document);
  }
}
