import type { System } from './system.js';

/** Appends of several clusters in one statement, which is one transaction: their rows of the log say so themselves. */
export const countShared = async (system: System): Promise<{ statements: number; appends: number; allAppends: number; clustersMost: number }> => {
  const [found] = await system.query<{ statements: number; appends: number; all_appends: number; clusters_most: number }>(`SELECT
    count(*) FILTER (WHERE clusters > 1)::int AS statements, coalesce(sum(clusters) FILTER (WHERE clusters > 1), 0)::int AS appends, sum(clusters)::int AS all_appends, max(clusters)::int AS clusters_most
    FROM (SELECT count(DISTINCT cluster_id) AS clusters FROM log GROUP BY xmin::text) AS transactions`);
  return { statements: found!.statements, appends: found!.appends, allAppends: found!.all_appends, clustersMost: found!.clusters_most };
};
