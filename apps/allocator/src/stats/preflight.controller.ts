import type { Family } from '@ipledger/ip';
import { poolFigures, type ClusterForecasts, type Stats } from '@ipledger/observability';
import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { STATS } from '../tokens.js';
import { Writers } from '../writer/writers.js';

const count = { type: 'integer', minimum: 0, maximum: 1_000_000_000 } as const;
export const preflightBody = {
  type: 'object', additionalProperties: false,
  properties: {
    dualStack: { ...count, description: 'Services that need an address of both families' },
    ipv4: { ...count, description: 'Services that need one of IPv4' },
    ipv6: { ...count, description: 'Services that need one of IPv6' },
  },
} as const;
interface PreflightBody {
  dualStack?: number;
  ipv4?: number;
  ipv6?: number;
}

interface FamilyAnswer {
  family: Family;
  needed: number;
  available: number;
  availableExact: string;
  /** How many are too few; 0 when all fit. */
  missing: number;
  /** When they would not fit any more, if the family goes on growing as in the last two weeks. null when that is not in sight. */
  fitsUntilEarliest: string | null;
  fitsUntilLatest: string | null;
}

/** "What if": do so many Services fit, and until when. Nothing is reserved. */
@Controller('v1/clusters/:cluster')
export class PreflightController {
  constructor(private readonly writers: Writers, @Inject(STATS) private readonly stats: Stats | null) {}

  @Post('preflight')
  @HttpCode(200)
  @RouteSchema({ body: preflightBody })
  async preflight(@Param('cluster') name: string, @Body() body: PreflightBody | undefined): Promise<{ cluster: string; revision: number; fits: boolean; families: FamilyAnswer[] }> {
    const { dualStack = 0, ipv4 = 0, ipv6 = 0 } = body ?? {};
    if (dualStack + ipv4 + ipv6 === 0) throw new ProblemError(problem('invalid_request', 'nothing is asked for; say how many, such as {"dualStack": 500, "ipv4": 100}'));
    const usage = await this.writers.usageOfCluster(name);
    if (usage === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    const { pools, revision } = usage;
    const forecasts = await this.forecasts(name);
    const nowMs = Date.now();
    const families = (['IPv4', 'IPv6'] as const).map((family): FamilyAnswer => {
      const needed = dualStack + (family === 'IPv4' ? ipv4 : ipv6);
      const available = pools.filter((pool) => pool.family === family).map((pool) => poolFigures(pool).available).reduce((sum, bands) => sum + bands.static + bands.dynamic, 0n);
      // What is asked for now is not there later: the rest lasts in proportion.
      const until = (ms: number | null | undefined): string | null =>
        ms == null || available <= BigInt(needed) ? null : new Date(Math.round(nowMs + ((ms - nowMs) * Number(available - BigInt(needed))) / Number(available))).toISOString();
      const forecast = forecasts?.get(family);
      return {
        family, needed, available: Number(available), availableExact: String(available), missing: Number(available >= BigInt(needed) ? 0n : BigInt(needed) - available),
        fitsUntilEarliest: until(forecast?.earliestMs), fitsUntilLatest: until(forecast?.latestMs),
      };
    }).filter(({ needed, available }) => needed > 0 || available > 0);
    return { cluster: name, revision, fits: families.every(({ missing }) => missing === 0), families };
  }

  /** Whether it fits is known without the views; only until when is not. */
  private async forecasts(cluster: string): Promise<ClusterForecasts['families'] | undefined> {
    try {
      return (await this.stats?.usage([cluster]))?.forecasts.get(cluster)?.families;
    } catch (error) {
      if (error instanceof ProblemError) return undefined;
      throw error;
    }
  }
}
