export { compareAddresses, formatAddress, otherFamily, parseAddress, parseAddressSloppy } from './address.js';
export type { Address, Family, SloppyAddress } from './address.js';
export { cidrContains, cidrCovers, cidrsOverlap, formatCidr, parseCidr, parseCidrSloppy, usableRange } from './cidr.js';
export type { Cidr, SloppyCidr } from './cidr.js';
export { AddressSet } from './address-set.js';
export { RangeSet } from './range-set.js';
export type { AddressRange } from './range-set.js';
