import { readFileSync } from 'node:fs';

/** Where the document, which lies beside this file, refers to the schemas of events. */
const schemaFolder = '../../services/src/event-schema/';

/** The AsyncAPI 3 document of both topics, to be served beside a path `schemas/` that serves `eventSchemas`. */
export const asyncApiDocument = (): string => readFileSync(new URL('./asyncapi.yaml', import.meta.url), 'utf8').replaceAll(schemaFolder, './schemas/');
