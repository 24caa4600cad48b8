/** Injection tokens of what is no class. */
export const EVENT_STORE = Symbol('EventStore');
/** `() => boolean`: whether the process has begun to stop. */
export const STOPPING = Symbol('stopping');
/** How pages sign somebody in. */
export const SIGN_IN = Symbol('signIn');
/** `() => string`: certificates (PEM) that a client must trust to reach this server. */
export const TRUSTED = Symbol('trusted');
/** Version of ipledger, as in package.json. */
export const VERSION = Symbol('version');
/** `Stats` over the views; null where there are none to ask. */
export const STATS = Symbol('Stats');
