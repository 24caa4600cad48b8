import { asyncApiDocument } from '@ipledger/messaging';
import { eventSchemas } from '@ipledger/services';
import { Controller, Get, Header, Inject, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { problem, ProblemError } from '../problem.js';
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

  /** The topics on Kafka. */
  @Get('asyncapi.yaml')
  @Header('content-type', 'application/yaml; charset=utf-8')
  asyncApi(): string {
    return asyncApiDocument();
  }

  /** What the AsyncAPI document refers to: `ip.allocated.v1.schema.json`. */
  @Get('schemas/:file')
  @Header('content-type', 'application/schema+json')
  schema(@Param('file') file: string): object {
    const schema = (eventSchemas as Readonly<Record<string, object>>)[file.replace(/\.schema\.json$/, '')];
    if (schema === undefined || !file.endsWith('.schema.json')) throw new ProblemError(problem('not_found', `there is no schema ${file}`));
    return schema;
  }

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.headers(pageHeaders({ styles: [docsStyle], scripts: [], connect: [] }));
    return docsPage(this.document);
  }
}
