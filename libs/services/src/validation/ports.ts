import { duplicate, EnumText, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.js';
import type { ServicePort } from '../service.js';
import { addInvalid, isPortNumber, labelProblems, portNameProblems, portNumberProblem, qualifiedNameProblems } from './formats.js';

/** The rules for `spec.ports`. @see pkg/apis/core/validation/validation.go, Kubernetes v1.37.2 */

const protocols = ['SCTP', 'TCP', 'UDP'];

/** Each port by itself, names included: required and unique as soon as there are two. */
export const checkPorts = (ports: readonly ServicePort[], errors: FieldError[]): void => {
  const names = ports.length > 1 ? new Set<string>() : undefined;
  for (let i = 0; i < ports.length; i++) {
    const port = ports[i] as ServicePort;
    checkName(i, port.name ?? '', names, errors);
    checkPort(i, port, errors);
  }
};

const checkName = (i: number, name: string, names: Set<string> | undefined, errors: FieldError[]): void => {
  if (name === '') {
    if (names !== undefined) errors.push(required(`spec.ports[${i}].name`));
    return;
  }
  const problems = labelProblems(name);
  if (problems.length > 0) addInvalid(errors, `spec.ports[${i}].name`, name, problems);
  if (names?.has(name)) errors.push(duplicate(`spec.ports[${i}].name`, name));
  names?.add(name);
};

const checkPort = (i: number, { port, protocol = '', targetPort, appProtocol }: ServicePort, errors: FieldError[]): void => {
  if (!isPortNumber(port)) errors.push(invalid(`spec.ports[${i}].port`, port, portNumberProblem));
  if (protocol === '') errors.push(required(`spec.ports[${i}].protocol`));
  else if (!protocols.includes(protocol)) errors.push(notSupported(`spec.ports[${i}].protocol`, new EnumText(protocol), protocols));
  if (typeof targetPort === 'string') addInvalid(errors, `spec.ports[${i}].targetPort`, targetPort, portNameProblems(targetPort));
  else if (!isPortNumber(targetPort)) errors.push(invalid(`spec.ports[${i}].targetPort`, targetPort, portNumberProblem));
  if (appProtocol !== undefined) addInvalid(errors, `spec.ports[${i}].appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
};

/** Node ports on the type that has none, then what stands twice. Whether a number is in range and free is the allocator's business. */
export const checkPortNumbers = (type: string | undefined, ports: readonly ServicePort[], errors: FieldError[]): void => {
  if (type === 'ClusterIP')
    for (let i = 0; i < ports.length; i++)
      if ((ports[i]?.nodePort ?? 0) !== 0) errors.push(forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
  if (ports.length < 2) return;
  checkRepeatedNodePorts(ports, errors);
  checkRepeatedPorts(ports, errors);
};

const checkRepeatedNodePorts = (ports: readonly ServicePort[], errors: FieldError[]): void => {
  const seen = new Set<string>();
  for (const [i, { protocol, nodePort = 0 }] of ports.entries()) {
    if (nodePort === 0) continue;
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${i}].nodePort`, nodePort));
    seen.add(key);
  }
};

const checkRepeatedPorts = (ports: readonly ServicePort[], errors: FieldError[]): void => {
  const seen = new Set<string>();
  for (const [i, { protocol = '', port }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${i}]`, printedKey(protocol, port)));
    seen.add(key);
  }
};

/** What upstream compares is a port of its internal type with only these two filled in, and that is what it prints. */
const printedKey = (protocol: string, port: number): object => ({
  Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0,
});
