// Loaded into every service of the bench. It adds nothing to the paths that are measured.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the bench was killed: nobody else would end us
process.on('message', () => {
  globalThis.gc(); // there when the memory is measured, see `heapReportFlags`
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send({ heapUsed, external, rss });
});
process.channel.unref(); // the service ends as it would without us
