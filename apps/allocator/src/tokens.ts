/** Injection tokens of what is no class. */
export const EVENT_STORE = Symbol('EventStore');
/** `() => boolean`: whether the process has begun to stop. */
export const STOPPING = Symbol('stopping');
/** Version of ipledger, as in package.json. */
export const VERSION = Symbol('version');
