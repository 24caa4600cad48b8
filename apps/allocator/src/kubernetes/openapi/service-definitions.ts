import { atomicList, atomicTexts, core, flag, int32, int64, intOrString, keyedList, meta, object, ofKind, ref, text, textMap, type Schema } from './schema.js';

const time = meta('Time');
const families = ['IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];

const port = object('One port of a Service.', {
  appProtocol: text('Hint at the application protocol behind the port: an IANA service name such as https, or a prefixed name such as mycompany.com/protocol.'),
  name: text('Name of the port within the Service: a DNS label. Needed when the Service has more than one port.'),
  nodePort: int32('Port on each node when the type is NodePort or LoadBalancer. Allocated when left out; must lie in the node port range of the cluster.'),
  port: int32('Port that the Service exposes.'),
  protocol: text('Protocol of the port. TCP when left out.', protocols),
  targetPort: ref(intOrString, 'Number (1 to 65535) or name of the port on the pods. The same as port when left out.'),
}, ['port']);

const spec = object('What is wanted of a Service.', {
  allocateLoadBalancerNodePorts: flag('Whether a LoadBalancer Service gets node ports. True when left out. Node ports that it has already stay.'),
  clusterIP: text('The first address of the Service: allocated when left out, "None" for a headless Service, or an address to be taken. Not for type ExternalName. Equal to the first entry of clusterIPs.'),
  clusterIPs: atomicTexts('The addresses of the Service, at most one of each family, in the order of ipFamilies. Allocated when left out. The first entry cannot be changed, only dropped with the type ExternalName.'),
  externalIPs: atomicTexts('Addresses at which nodes accept traffic for this Service as well; they are not managed here.'),
  externalName: text('Name that the Service stands for when its type is ExternalName: a lower-case RFC 1123 host name.'),
  externalTrafficPolicy: text('How nodes treat traffic from outside: Local keeps it on the node and keeps the source address, Cluster spreads it.', ['Cluster', 'Local']),
  healthCheckNodePort: int32('Node port for health checks of a LoadBalancer Service with externalTrafficPolicy Local. Allocated when left out; cannot be changed.'),
  internalTrafficPolicy: text('How traffic from inside to the cluster IP is spread: over all endpoints (Cluster) or those of the node (Local).', ['Cluster', 'Local']),
  ipFamilies: atomicTexts('Families of the Service, in order. Chosen by the cluster and ipFamilyPolicy when left out. The first entry cannot be changed.', families),
  ipFamilyPolicy: text('How many families the Service has: SingleStack one, PreferDualStack two where the cluster has them, RequireDualStack two or a refusal. SingleStack when left out.', ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
  loadBalancerClass: text('Which load balancer implementation serves it, as a label-style name. Only for type LoadBalancer, and not changeable.'),
  loadBalancerIP: text('Address wanted of the load balancer. Deprecated: implementations treat it differently, and it knows one family only.'),
  loadBalancerSourceRanges: atomicTexts('Client ranges that the load balancer lets in.'),
  ports: keyedList(ref(core('ServicePort')), 'Ports that the Service exposes.', ['port', 'protocol']),
  publishNotReadyAddresses: flag('Publish endpoints whether they are ready or not.'),
  selector: textMap('Labels of the pods that traffic goes to. Without a selector endpoints are managed by somebody else.', { 'x-kubernetes-map-type': 'atomic' }),
  sessionAffinity: text('Whether a client stays at one endpoint: ClientIP or None. None when left out.', ['ClientIP', 'None']),
  sessionAffinityConfig: ref(core('SessionAffinityConfig'), 'Settings of sessionAffinity.'),
  trafficDistribution: text('Preference of where traffic goes, such as PreferSameZone or PreferSameNode.'),
  type: text('How the Service is exposed. ClusterIP: addresses inside the cluster. NodePort: a port on every node besides. LoadBalancer: an external load balancer besides. ExternalName: an alias, without addresses. ClusterIP when left out.', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
});

const loadBalancerIngress = object('One point of entry of a load balancer.', {
  hostname: text('Host name, for load balancers that have names.'),
  ip: text('Address, for load balancers that have addresses.'),
  ipMode: text('How traffic to the address arrives: VIP (as sent) or Proxy (with the node address as destination).'),
  ports: atomicList(ref(core('PortStatus')), 'State of its ports.'),
});

const condition = object('One observed aspect of a state.', {
  lastTransitionTime: ref(time, 'When status changed last.'),
  message: text('For people, at most 32768 characters.'),
  observedGeneration: int64('Generation that the condition was set for.'),
  reason: text('For programs: a CamelCase word, at most 1024 characters.'),
  status: text('True, False or Unknown.'),
  type: text('Name of the aspect, CamelCase or with a prefix such as foo.example.com/CamelCase.'),
}, ['type', 'status', 'lastTransitionTime', 'reason', 'message']);

const standard = {
  apiVersion: text('Version of the schema of this object.'),
  kind: text('Kind of this object, in CamelCase.'),
};

export const serviceDefinitions: Readonly<Record<string, Schema>> = {
  [core('ClientIPConfig')]: object('Settings of session affinity by client address.', { timeoutSeconds: int32('Seconds that a client sticks: 1 to 86400. 10800 when left out.') }),
  [core('LoadBalancerIngress')]: loadBalancerIngress,
  [core('LoadBalancerStatus')]: object('State of a load balancer.', { ingress: atomicList(ref(core('LoadBalancerIngress')), 'Points of entry of the load balancer.') }),
  [core('PortStatus')]: object('State of a port of a load balancer.', {
    error: text('Why the port is not there: a CamelCase word, or a prefixed one.'), port: int32('Number of the port.'), protocol: text('Protocol of the port.', protocols),
  }, ['port', 'protocol']),
  [core('Service')]: ofKind('', 'Service', object('A named set of addresses and ports at which a program is reached.', {
    ...standard, metadata: ref(meta('ObjectMeta'), 'Name, labels and the like.'), spec: ref(core('ServiceSpec'), 'What is wanted.'),
    status: ref(core('ServiceStatus'), 'What was observed last. Written through the subresource status.'),
  })),
  [core('ServiceList')]: ofKind('', 'ServiceList', object('A list of Services.', {
    ...standard, items: { type: 'array', items: ref(core('Service')), description: 'The Services.' }, metadata: ref(meta('ListMeta'), 'Revision and paging of the list.'),
  }, ['items'])),
  [core('ServicePort')]: port,
  [core('ServiceSpec')]: spec,
  [core('ServiceStatus')]: object('What was observed of a Service.', {
    conditions: keyedList(ref(meta('Condition')), 'Conditions of the Service.', ['type']), loadBalancer: ref(core('LoadBalancerStatus'), 'State of its load balancer, if it has one.'),
  }),
  [core('SessionAffinityConfig')]: object('Settings of session affinity.', { clientIP: ref(core('ClientIPConfig'), 'Settings of affinity by client address.') }),
  [meta('Condition')]: condition,
};
