/**
 * Runs its arguments (postgres) and stops them when standard input ends, which is a pipe that only Node holds the other end
 * of: however Node ends, kill -9 included, Postgres ends too (design D12). In plain sh, because a script of ours would
 * have to be found from the sources and from dist alike.
 *
 * SIGINT (fast shutdown) gets 8 s, SIGQUIT (no checkpoint; the next start replays the log) 1 s more: together below the
 * 10 s that a new start waits. Nothing is lost either way.
 *
 * - The signals that a terminal or a shutting down system sends to everybody are ignored: Node decides when to stop, after
 *   it has drained. Postgres installs handlers of its own for them.
 * - Descriptor 3 is needed because sh gives commands in the background /dev/null as standard input.
 */
export const watcherScript = `
trap '' INT TERM HUP
exec 3<&0
"$@" </dev/null 3<&- &
postgres=$!
(
  read -r ended <&3
  kill -INT $postgres
  seconds=0
  while [ $seconds -lt 8 ]; do sleep 1 </dev/null >/dev/null 2>&1 3<&-; seconds=$((seconds + 1)); done
  kill -QUIT $postgres
  sleep 1 </dev/null >/dev/null 2>&1 3<&-
  kill -KILL $postgres
) &
watch=$!
wait $postgres
code=$?
kill -KILL $watch 2>/dev/null
exit $code
`;
