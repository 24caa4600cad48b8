import type { FieldError } from '../field-error.js';
import type { ObjectMeta, ServiceObject, ServiceSpec, ServiceStatus } from '../service.js';
import { applyStaticDefaults } from '../static-defaults.js';

/** What a spec file changes in the sample; a member that is undefined is taken away. */
export interface Changes {
  metadata?: Partial<ObjectMeta>;
  spec?: Partial<ServiceSpec>;
  status?: Partial<ServiceStatus>;
}

/** For specs: a Service that validation accepts, after allocation, with some things changed. Static defaults are applied last. */
export const sampleService = ({ metadata, spec, status }: Changes = {}): ServiceObject =>
  applyStaticDefaults({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', uid: '11111111-1111-4111-8111-111111111111', ...metadata },
    spec: {
      ports: [{ port: 80, targetPort: 0 }], clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack',
      ...spec,
    },
    status: { loadBalancer: {}, ...status },
  });

/** As the message of a Status shows them. The reason of a cause follows from the first words of a message. */
export const shown = (errors: readonly FieldError[]): string[] => errors.map(({ field, message }) => `${field}: ${message}`);

/** The fields of an ExternalName Service that is fine: what only other types have is taken away. */
export const externalName: Partial<ServiceSpec> = {
  type: 'ExternalName', externalName: 'db.example.com', clusterIP: undefined, clusterIPs: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined,
};
