export { identityOf, Refused } from './guard.js';
export { may, mayInCluster, type Attributes, type Identity } from './policy.js';
export { ruleOf } from './routes.js';
export { newToken, type TokenEntry } from './new-token.js';
export { openGuard, setUpAccess, type AccessSetUp, type SignIn } from './set-up.js';
export type { TlsFiles } from './tls-files.js';
