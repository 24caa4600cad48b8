import type { Family } from '@ipledger/ip';
import { otherFamily, parseAddressSloppy } from '@ipledger/ip';
import { EnumText, invalid, type FieldError } from '../field-error.js';
import { refuseInvalid } from '../rejection.js';
import { isHeadless, isSelectorless, type ServiceObject, type ServiceSpec } from '../service.js';
import { clusterIPFieldErrors } from '../validation/service.js';

/** The families of a cluster, the primary one first. */
export type ClusterFamilies = readonly [Family] | readonly [Family, Family];

/**
 * Settles `ipFamilyPolicy` and `ipFamilies` of a Service that is about to be written, or refuses it. Runs before any
 * allocation and before full validation, so its errors hide every other error. `next` is changed in place.
 *
 * Three stages, each of which reports all its findings together and then stops: A the fields among themselves; B policy
 * against the number of addresses and families; C against what the cluster has.
 * @param stored the Service as it is (read defaults applied), undefined on create
 * @see pkg/registry/core/service/storage/alloc.go initIPFamilyFields, Kubernetes v1.37.2
 */
export const settleFamilies = (next: ServiceObject, stored: ServiceObject | undefined, families: ClusterFamilies): void => {
  const spec = next.spec;
  if (spec.type === 'ExternalName') return;
  if (stored !== undefined && keepsPreferDualStack(spec, stored.spec)) return;

  spec.ipFamilyPolicy ??= stored?.spec.ipFamilyPolicy ?? defaultPolicy(spec);
  refuseInvalid(next.metadata.name, clusterIPFieldErrors(next, stored));
  refuseInvalid(next.metadata.name, policyErrors(spec, stored?.spec, families));

  if (isHeadless(spec) && isSelectorless(spec)) {
    spec.ipFamilies = withSecond(listOrPrimary(spec, families), spec.ipFamilyPolicy !== 'SingleStack');
    return;
  }
  refuseInvalid(next.metadata.name, clusterErrors(spec, families));
  spec.ipFamilies = withSecond(listOrPrimary(spec, families), spec.ipFamilyPolicy !== 'SingleStack' && families.length === 2);
};

const addressTypes = new Set(['ClusterIP', 'NodePort', 'LoadBalancer']);

/**
 * The guard that leaves a PreferDualStack Service untouched when its cluster gains or loses a family: the same explicit
 * policy, type, addresses and families as before mean that nobody asked for a change.
 */
export const keepsPreferDualStack = (next: ServiceSpec, stored: ServiceSpec): boolean =>
  next.ipFamilyPolicy === 'PreferDualStack' &&
  (stored.ipFamilyPolicy === undefined || stored.ipFamilyPolicy === 'PreferDualStack') &&
  next.type === stored.type &&
  addressTypes.has(next.type ?? '') &&
  sameList(next.clusterIPs, stored.clusterIPs) &&
  sameList(next.ipFamilies, stored.ipFamilies);

const defaultPolicy = (spec: ServiceSpec): string =>
  isHeadless(spec) && isSelectorless(spec) ? 'RequireDualStack' : 'SingleStack';

/** Stage B, with the update-only rules first. Cuts and extends the lists where the request says so clearly enough. */
const policyErrors = (spec: ServiceSpec, stored: ServiceSpec | undefined, families: ClusterFamilies): FieldError[] => {
  const errors: FieldError[] = [];
  const complain = (why: string): number => errors.push(invalid('spec.ipFamilyPolicy', new EnumText(spec.ipFamilyPolicy ?? ''), why));
  const single = spec.ipFamilyPolicy === 'SingleStack';

  if (stored !== undefined && single) cutUnchangedLists(spec, stored);
  if (stored !== undefined && !single) {
    if (isShortened(spec.clusterIPs, stored.clusterIPs)) complain("must be 'SingleStack' to release the secondary cluster IP");
    if (isShortened(spec.ipFamilies, stored.ipFamilies)) complain("must be 'SingleStack' to release the secondary IP family");
  }
  if (single && spec.clusterIPs?.length === 2) complain("must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
  if (single && spec.ipFamilies?.length === 2) complain("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
  errors.push(...inferFamilies(spec, families));
  return errors;
};

/** "As long as they have not changed, setting the policy to single-stack is clear intent": the first entry stays. */
const cutUnchangedLists = (spec: ServiceSpec, stored: ServiceSpec): void => {
  if (sameList(spec.clusterIPs, stored.clusterIPs)) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
  if (sameList(spec.ipFamilies, stored.ipFamilies)) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
};

/** Adds the family of each address that has no entry in ipFamilies yet; `None` is not an address. */
const inferFamilies = (spec: ServiceSpec, families: ClusterFamilies): FieldError[] => {
  const errors: FieldError[] = [];
  const known = [...(spec.ipFamilies ?? [])];
  for (const [i, text] of (spec.clusterIPs ?? []).entries()) {
    if (text === 'None') break;
    if (i < known.length) continue;
    const family = familyOf(text);
    if (families.includes(family)) known.push(family);
    else errors.push(invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, `${family} is not configured on this cluster`));
  }
  if (known.length > (spec.ipFamilies?.length ?? 0)) spec.ipFamilies = known;
  return errors;
};

/** Stage C. */
const clusterErrors = (spec: ServiceSpec, families: ClusterFamilies): FieldError[] => {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && families.length < 2)
    errors.push(invalid('spec.ipFamilyPolicy', new EnumText(spec.ipFamilyPolicy), 'this cluster is not configured for dual-stack services'));
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (!families.includes(family as Family))
      errors.push(invalid(`spec.ipFamilies[${i}]`, new EnumText(family), 'not configured on this cluster'));
  return errors;
};

const listOrPrimary = (spec: ServiceSpec, families: ClusterFamilies): string[] =>
  spec.ipFamilies !== undefined && spec.ipFamilies.length > 0 ? spec.ipFamilies : [families[0]];

const withSecond = (list: string[], wanted: boolean): string[] =>
  wanted && list.length === 1 ? [...list, otherFamily(list[0] as Family)] : list;

const isShortened = (next: string[] | undefined, stored: string[] | undefined): boolean =>
  next !== undefined && next.length > 0 && next.length < (stored?.length ?? 0);

export const sameList = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean => {
  const left = a ?? [];
  const right = b ?? [];
  return left.length === right.length && left.every((entry, i) => entry === right[i]);
};

/** By text, as upstream judges it: what is no IPv4 address counts as IPv6. */
export const familyOf = (text: string): Family => (parseAddressSloppy(text)?.address.family === 'IPv4' ? 'IPv4' : 'IPv6');
