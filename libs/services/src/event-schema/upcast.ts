/** The data of an event and the type, with major version, that it is written as: `ip.allocated.v1`. */
export interface WireEvent {
  readonly wireType: string;
  readonly data: unknown;
}
/** From one version of an event to the next: pure, and total on what the schema of its version accepts. */
export type Upcaster = (data: unknown) => WireEvent;

/**
 * One step for each version that is not written any more, by the type it takes. None yet: every event is at version 1. The
 * golden files of every version ever written go through the chain in the tests.
 */
const upcasters: Readonly<Record<string, Upcaster>> = {};

/** An event of any version as the newest one. What is unknown, or new already, comes back as it is. */
export const upcast = (event: WireEvent, steps: Readonly<Record<string, Upcaster>> = upcasters): WireEvent => {
  let newest = event;
  for (let step = steps[newest.wireType]; step !== undefined; step = steps[newest.wireType]) newest = step(newest.data);
  return newest;
};
