import { Controller, Get, Header, Inject } from '@nestjs/common';
import { VERSION } from '../tokens.js';
import { openApiDocument } from './openapi.js';
import { docsPage } from './page.js';

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
  page(): string {
    return docsPage(this.document);
  }
}
