/** JSON Schemas of the bodies of bulk requests. */
export const topUpBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    selector: { type: 'string', maxLength: 4096, description: 'Label selector, as in ?labelSelector=; all Services without it' },
    namespaces: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 63 }, minItems: 1, maxItems: 1000, description: 'Only these; all without it' },
    dryRun: { type: 'boolean', default: false, description: 'Only report what would be done' },
    ratePerSecond: { type: 'number', minimum: 0.1, maximum: 10_000, description: 'Services changed per second; as fast as they are committed without it' },
  },
} as const;

export interface TopUpBody {
  selector?: string;
  namespaces?: string[];
  dryRun?: boolean;
  ratePerSecond?: number;
}
