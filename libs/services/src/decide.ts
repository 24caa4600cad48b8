import { decideCluster } from './cluster/rules.js';
import type { Command } from './commands.js';
import type { Accepted, Decision } from './decision.js';
import { assignLoadBalancer, attachLoadBalancer } from './load-balancer/assign.js';
import { Refusal, refuse } from './rejection.js';
import { createService } from './service/create.js';
import { deleteService } from './service/delete.js';
import { forgetService, importService } from './service/import.js';
import { topUpService } from './service/top-up.js';
import { updateService } from './service/update.js';
import { serviceKey, type ClusterState } from './state.js';

/**
 * Decides one command. Pure: the same command on the same state gives the same events on any machine; neither is changed.
 * @param state as of the command's time: see `ClusterState.advanceTo`
 * @param stored the document of the Service that `documentKey` names, or undefined when there is none
 */
export const decide = (command: Command, state: ClusterState, stored: string | undefined): Decision => {
  try {
    return accept(command, state, stored);
  } catch (error) {
    if (error instanceof Refusal) return { outcome: 'rejected', rejection: error.rejection, warnings: error.warnings };
    throw error;
  }
};

const accept = (command: Command, state: ClusterState, stored: string | undefined): Accepted => {
  switch (command.type) {
    case 'CreateService':
      return createService(command, registered(state), stored);
    case 'UpdateService':
      return updateService(command, registered(state), stored);
    case 'DeleteService':
      return deleteService(command, registered(state), stored);
    case 'TopUpService':
      return topUpService(command, registered(state), stored);
    case 'ImportService':
      return importService(command, registered(state), stored);
    case 'ForgetService':
      return forgetService(command, registered(state), stored);
    case 'AssignLoadBalancer':
      return assignLoadBalancer(command, registered(state), stored);
    case 'AttachLoadBalancer':
      return attachLoadBalancer(command, registered(state), stored);
    default:
      return decideCluster(command, state, stored);
  }
};

const registered = (state: ClusterState): ClusterState => (state.definition === null ? refuse({ code: 'cluster_not_found', cluster: '' }) : state);

/** The Service whose document a command has to see; undefined when it needs none. */
export const documentKey = (command: Command): { namespace: string; name: string } | undefined => {
  switch (command.type) {
    case 'CreateService':
      return command.service.metadata.name === undefined ? undefined : { namespace: command.namespace, name: command.service.metadata.name };
    case 'UpdateService':
    case 'DeleteService':
    case 'TopUpService':
    case 'ImportService':
    case 'ForgetService':
    case 'AssignLoadBalancer':
    case 'AttachLoadBalancer':
      return { namespace: command.namespace, name: command.name };
    case 'RemoveCluster':
      return { namespace: 'default', name: 'kubernetes' };
    default:
      return undefined;
  }
};

/** Whether the state knows that Service, so that its document exists and must be read. */
export const documentExists = (state: ClusterState, key: { namespace: string; name: string }): boolean =>
  state.services.has(serviceKey(key.namespace, key.name));
