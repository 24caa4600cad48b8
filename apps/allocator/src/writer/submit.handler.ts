import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Order, Outcome, UnitOutcome } from './order.js';
import { Writers } from './writers.js';

/** An order to the writer of a cluster, as it travels over the CommandBus. The id must be that of the name. */
export class SubmitOrder extends Command<Outcome> {
  constructor(readonly clusterId: number, readonly cluster: string, readonly order: Order) {
    super();
  }
}

@CommandHandler(SubmitOrder)
export class SubmitOrderHandler implements ICommandHandler<SubmitOrder> {
  constructor(private readonly writers: Writers) {}

  execute({ clusterId, cluster, order }: SubmitOrder): Promise<Outcome> {
    return this.writers.submit(clusterId, cluster, order);
  }
}

/** Orders to the writer of a cluster that are accepted together or not at all. */
export class SubmitUnit extends Command<readonly UnitOutcome[]> {
  constructor(readonly clusterId: number, readonly cluster: string, readonly orders: readonly Order[]) {
    super();
  }
}

@CommandHandler(SubmitUnit)
export class SubmitUnitHandler implements ICommandHandler<SubmitUnit> {
  constructor(private readonly writers: Writers) {}

  execute({ clusterId, cluster, orders }: SubmitUnit): Promise<readonly UnitOutcome[]> {
    return this.writers.submitUnit(clusterId, cluster, orders);
  }
}
