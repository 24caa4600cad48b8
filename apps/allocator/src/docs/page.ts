import type { openApiDocument } from './openapi.js';

interface Operation {
  tags: string[];
  summary: string;
  description?: string;
  parameters?: { $ref?: string; name?: string; description?: string }[];
  requestBody?: { content: Record<string, { schema: object }> };
}

/** The OpenAPI document as one page of HTML: no script, nothing from elsewhere, readable on a phone and in the dark. */
export const docsPage = (document: ReturnType<typeof openApiDocument>): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>ipledger API</title><style>${docsStyle}</style></head>
<body><h1>ipledger <small>${escape(document.info.version)}</small></h1><p>${prose(document.info.description)}</p>
<p>The same for machines: <a href="/openapi.json">/openapi.json</a>; the topics on Kafka: <a href="/asyncapi.yaml">/asyncapi.yaml</a>. Live: <a href="/">the page</a>, <a href="/v1/clusters">clusters</a>, <a href="/metrics">metrics</a>.</p>
${document.tags.map(({ name }) => section(name, document)).join('\n')}
<h2>problems</h2><p>Errors under /v1, by code.</p><ul>${codes(document)}</ul>
</body></html>
`;

const section = (tag: string, document: ReturnType<typeof openApiDocument>): string => {
  const entries = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, operation]) => operation.tags.includes(tag)).map(([method, operation]) => entry(method, path, operation, document)));
  return `<h2>${escape(tag)}</h2>${entries.join('\n')}`;
};

const entry = (method: string, path: string, operation: Operation, document: ReturnType<typeof openApiDocument>): string => {
  const parameters = (operation.parameters ?? []).map((found) => {
    const { name = '', description = '' } = found.$ref === undefined ? found : ((document.components.parameters as Record<string, typeof found>)[found.$ref.split('/').at(-1) ?? ''] ?? {});
    return `<li><code>${escape(name)}</code> ${prose(description)}</li>`;
  });
  const schema = operation.requestBody?.content['application/json']?.schema;
  return `<section><h3><b>${method.toUpperCase()}</b> <code>${escape(path)}</code></h3><p>${escape(operation.summary)}. ${prose(operation.description ?? '')}</p>${
    parameters.length > 0 ? `<ul>${parameters.join('')}</ul>` : ''}${schema === undefined ? '' : `<details><summary>body</summary><pre>${escape(JSON.stringify(schema, null, 2))}</pre></details>`}</section>`;
};

const codes = (document: ReturnType<typeof openApiDocument>): string =>
  (document.components.schemas as { Problem: { properties: { code: { enum: string[] } } } }).Problem.properties.code.enum.map((code) => `<li><code>${escape(code)}</code></li>`).join('');

/** What stands in backticks is code, as in Markdown. */
const prose = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The one style of the page, whose hash its policy names. */
export const docsStyle = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h3{font-size:1rem;margin:1.5rem 0 .25rem}h3 b{display:inline-block;min-width:4.5rem}p,ul{margin:.25rem 0}code,pre{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
pre{overflow:auto;padding:.5rem;border:1px solid #8886}small{font-weight:normal;opacity:.7}`;
