import { DiscoveryController } from './discovery/discovery.controller.js';
import { NamespacesController } from './namespaces.controller.js';
import { NetworkingController } from './networking/networking.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { ReviewsController } from './reviews.controller.js';
import { ServicesController } from './services.controller.js';

/** Everything that is served under `/clusters/{cluster}`. */
export const kubernetesControllers = [ServicesController, NamespacesController, NetworkingController, DiscoveryController, OpenApiController, ReviewsController];
