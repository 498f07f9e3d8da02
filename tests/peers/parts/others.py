"""How much of the machine's processors others took meanwhile: a measurement beside a busy neighbour says so."""
import os
import resource
import time


class OthersShare:
    """`with OthersShare() as others: ...`; then others.percent, of all processors over that time."""

    def __enter__(self):
        self._start = self._now()
        return self

    def __exit__(self, *_):
        wall, busy, own = (after - before for before, after in zip(self._start, self._now()))
        self.percent = max(0.0, 100 * (busy - own) / (wall * os.cpu_count()))

    @staticmethod
    def _now():
        """Wall time, busy time of all processors, processor time of this process and its ended children; seconds."""
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
        uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(use.ru_utime + use.ru_stime for use in uses)
        return time.monotonic(), (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), own
