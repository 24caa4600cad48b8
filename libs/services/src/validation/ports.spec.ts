import type { FieldError } from '../field-error.js';
import type { ServicePort } from '../service.js';
import { checkPortNumbers, checkPorts } from './ports.js';
import { shown } from './sample-service.js';

const port = (changes: Partial<ServicePort> = {}): ServicePort => ({ port: 80, targetPort: 80, protocol: 'TCP', ...changes });

const notLabel =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
  "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const notName =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

it.each<[what: string, ports: ServicePort[], errors: string[]]>([
  ['none', [], []],
  ['one needs no name', [port()], []],
  ['two do', [port(), port({ name: 'b' })], ['[0].name: Required value']],
  ['a name', [port({ name: 'A_' })], [`[0].name: Invalid value: "A_": ${notLabel}`]],
  ['a name with a dot', [port({ name: 'a.b' })], ['[0].name: Invalid value: "a.b": must not contain dots']],
  ['a name of 64', [port({ name: 'a'.repeat(64) })], [`[0].name: Invalid value: "${'a'.repeat(64)}": must be no more than 63 characters`]],
  ['names twice', [port({ name: 'a' }), port({ name: 'b' }), port({ name: 'a' })], ['[2].name: Duplicate value: "a"']],
  ['a bad name twice', [port({ name: 'A' }), port({ name: 'A' })], [`[0].name: Invalid value: "A": ${notLabel}`, `[1].name: Invalid value: "A": ${notLabel}`, '[1].name: Duplicate value: "A"']],
  ['the ends of the range', [port({ port: 1, name: 'a' }), port({ port: 65535, name: 'b' })], []],
  ...[0, -1, 65536].map((number): [string, ServicePort[], string[]] => [
    `port and target ${number}`, [port({ port: number, targetPort: number })],
    [`[0].port: Invalid value: ${number}: must be between 1 and 65535, inclusive`, `[0].targetPort: Invalid value: ${number}: must be between 1 and 65535, inclusive`],
  ]),
  ['protocol', [port({ protocol: 'tcp' })], ['[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"']],
  ['no protocol', [port({ protocol: undefined })], ['[0].protocol: Required value']],
  ['a target by name', [port({ targetPort: 'http' })], []],
  ['a target that is no name', [port({ targetPort: '8080' })], ['[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)']],
  ['a target with two faults', [port({ targetPort: '-' })], ['[0].targetPort: Invalid value: "-": must contain at least one letter (a-z)', '[0].targetPort: Invalid value: "-": must not begin or end with a hyphen']],
  ['application protocols', [port({ appProtocol: 'kubernetes.io/h2c' })], []],
  ['an empty application protocol', [port({ appProtocol: '' })], ['[0].appProtocol: Invalid value: "": name part must be non-empty', `[0].appProtocol: Invalid value: "": ${notName}`]],
  [
    'order: name, port, protocol, target, application', [port({ name: '-', port: 0, protocol: 'X', targetPort: 0, appProtocol: '-' })],
    [
      `[0].name: Invalid value: "-": ${notLabel}`, '[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      '[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"', '[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
      `[0].appProtocol: Invalid value: "-": ${notName}`,
    ],
  ],
])('ports: %s', (_, ports, messages) => {
  const errors: FieldError[] = [];
  checkPorts(ports, errors);
  expect(shown(errors)).toEqual(messages.map((message) => `spec.ports${message}`));
});

const twice = (number: number, protocol = 'TCP'): string =>
  `Duplicate value: {"Name":"","Protocol":"${protocol}","AppProtocol":null,"Port":${number},"TargetPort":0,"NodePort":0}`;

it.each<[what: string, type: string, ports: ServicePort[], errors: string[]]>([
  ['ClusterIP has no node ports', 'ClusterIP', [port({ nodePort: 30080 })], ["[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
  ['ExternalName may carry them', 'ExternalName', [port({ nodePort: 99999 })], []],
  ['one number for two protocols', 'NodePort', [port({ nodePort: 30080 }), port({ protocol: 'UDP', nodePort: 30080 })], []],
  ['one number twice', 'NodePort', [port({ nodePort: 30080 }), port({ port: 81, nodePort: 30080 })], ['[1].nodePort: Duplicate value: 30080']],
  ['no number twice', 'NodePort', [port(), port({ port: 81 })], []],
  ['one port twice: only protocol and port are shown', 'ClusterIP', [port({ name: 'a' }), port({ name: 'b', targetPort: 'http' })], [`[1]: ${twice(80)}`]],
  ['one port three times', 'ClusterIP', [port(), port(), port()], [`[1]: ${twice(80)}`, `[2]: ${twice(80)}`]],
  ['one port for two protocols', 'ClusterIP', [port(), port({ protocol: 'UDP' })], []],
  ['a protocol that does not exist', 'ClusterIP', [port({ protocol: '<' }), port({ protocol: '<' })], [`[1]: ${twice(80, '\\u003c')}`]],
  [
    'order: forbidden, node ports, ports', 'ClusterIP', [port({ nodePort: 30080 }), port({ nodePort: 30080 })],
    [
      "[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'", "[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
      '[1].nodePort: Duplicate value: 30080', `[1]: ${twice(80)}`,
    ],
  ],
])('numbers: %s', (_, type, ports, messages) => {
  const errors: FieldError[] = [];
  checkPortNumbers(type, ports, errors);
  expect(shown(errors)).toEqual(messages.map((message) => `spec.ports${message}`));
});
