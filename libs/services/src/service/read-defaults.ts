import type { Family } from '@ipledger/ip';
import { otherFamily } from '@ipledger/ip';
import { isExternalName, isHeadless, isSelectorless, type ServiceObject, type ServiceSpec } from '../service.js';
import { familyOf } from './ip-families.js';
import { fillClusterIPs } from './normalise.js';

/**
 * How a Service that was written before its fields existed looks when it is read: nothing is stored, nothing allocated.
 * Applied to objects leaving the store and to the stored side of an update; changes `service` in place and returns it.
 * @param primary the cluster's primary family *now*: old headless Services follow it when it changes
 * @see pkg/registry/core/service/storage/storage.go defaultOnReadService, Kubernetes v1.37.2
 */
export const applyReadDefaults = (service: ServiceObject, primary: Family): ServiceObject => {
  const spec = service.spec;
  fillClusterIPs(spec);
  if (isExternalName(spec)) delete spec.internalTrafficPolicy;
  else if ((spec.ipFamilies?.length ?? 0) === 0) defaultFamilies(spec, primary);
  return service;
};

const defaultFamilies = (spec: ServiceSpec, primary: Family): void => {
  if (!isHeadless(spec)) {
    spec.ipFamilies = (spec.clusterIPs ?? []).map(familyOf);
    if (spec.ipFamilies.length === 1) spec.ipFamilyPolicy = 'SingleStack';
    if (spec.ipFamilies.length === 2) spec.ipFamilyPolicy = 'RequireDualStack';
  } else if (isSelectorless(spec)) {
    spec.ipFamilies = [primary, otherFamily(primary)];
    spec.ipFamilyPolicy = 'RequireDualStack';
  } else {
    spec.ipFamilies = [primary];
    spec.ipFamilyPolicy = 'SingleStack';
  }
};

/**
 * Whether a stored document may read differently from its text. Looks at the text, because almost every document is
 * served as it stands: inside JSON text these patterns can only be members, since a quote in a value is escaped.
 */
export const mayReadDifferently = (document: string): boolean =>
  !document.includes('"ipFamilies":[') || document.includes('"type":"ExternalName"');
