/** When a pool or a family will be full. All null when nothing grows, when it is full already, or when it is too young to say. */
export interface Forecast {
  /** Addresses a day; above 0. */
  trendPerDay: number | null;
  /** Unix time in milliseconds: at the pace of the faster quarter of the past, and of the slower one. */
  earliestMs: number | null;
  /** null also when the slower quarter of the past did not grow: then there is no end in sight. */
  latestMs: number | null;
}

/** Instants of the past at which use is looked up, evenly spaced, the last one now. */
export const sampleCount = 48;
/** Two samples further apart than a quarter of the window are not compared: so a jump spoils only the few pairs around it. */
export const lagMax = sampleCount / 4;
export const windowMsMax = 14 * 86_400_000;
export const windowMsMin = 3_600_000;

const unknown: Forecast = { trendPerDay: null, earliestMs: null, latestMs: null };
const dayMs = 86_400_000;
/** A pool that lasts a century has no date. */
const horizonMs = 100 * 365 * dayMs;

/**
 * Fits the growth of a pool: the median of the slopes between all pairs of samples that lie at most a quarter of the window
 * apart (Theil and Sen, kept local). The quartiles of these slopes make the range.
 *
 * One jump, up or down and of any size, touches at most one pair in six, so up to three leave the median where it was: neither a
 * burst of Services nor a mass deletion whips the forecast. What goes on is seen after about half a window.
 * @param samples addresses in use at evenly spaced instants, oldest first, the last one at `nowMs`
 * @param free addresses that can still be had now
 */
export const forecast = (samples: readonly number[], spacingMs: number, free: number, nowMs: number): Forecast => {
  if (samples.length < sampleCount || spacingMs * (samples.length - 1) < windowMsMin || free <= 0) return unknown;
  const slopes: number[] = [];
  for (let lag = 1; lag <= lagMax; lag++)
    for (let i = lag; i < samples.length; i++) slopes.push((samples[i]! - samples[i - lag]!) / (lag * spacingMs));
  slopes.sort((a, b) => a - b);
  const [slow, middle, fast] = [quantile(slopes, 0.25), quantile(slopes, 0.5), quantile(slopes, 0.75)];
  if (!(middle > 0)) return unknown;
  return { trendPerDay: middle * dayMs, earliestMs: fullAt(free, fast, nowMs), latestMs: fullAt(free, slow, nowMs) };
};

const fullAt = (free: number, slope: number, nowMs: number): number | null =>
  (slope > 0 && free / slope <= horizonMs ? Math.round(nowMs + free / slope) : null);

/** Between the two nearest values, as SQL's percentile_cont. */
const quantile = (sorted: readonly number[], share: number): number => {
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
};
