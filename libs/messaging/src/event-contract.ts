import { eventSchemas, upcast, type Event } from '@ipledger/services';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { BadMessage, type decodeEvent } from './cloud-event.js';
import type { RecordedEvent } from './recorded.js';

const ajv = new Ajv2020({ allowUnionTypes: true });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>(Object.entries(eventSchemas).map(([wireType, schema]) => [wireType, ajv.compile(schema)]));

/**
 * The event of a message in its newest version, checked against its schema. A type that is not known here passes unchecked:
 * what it means for a view is for the view to say.
 * @throws BadMessage when the data does not fit the schema
 */
export const checkedEvent = ({ wireType, ...event }: ReturnType<typeof decodeEvent>): RecordedEvent & { type: Event['type'] } => {
  const newest = upcast({ wireType, data: event.data });
  const validate = validators.get(newest.wireType);
  if (validate !== undefined && !validate(newest.data))
    throw new BadMessage(`event ${event.id} (${newest.wireType}) does not fit its schema: ${ajv.errorsText(validate.errors, { dataVar: 'data' })}`);
  return { ...event, type: newest.wireType.replace(/\.v\d+$/, '') as Event['type'], data: newest.data };
};
