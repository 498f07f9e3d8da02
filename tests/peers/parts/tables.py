"""Tables of what was measured: medians over the rounds, and in brackets their range."""
import statistics

from .engines import LOADS


def spread(values, digits):
    values = list(values)
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def print_shape(name, plan, rounds):
    """`rounds`: [{engine: {"speeds", "ceilings", "shares", "others_percent"}}], ours first in each."""
    ours, *peers = rounds[0]
    titles = dict(zip(LOADS, (f"prefill of {plan.prompt}", "decode, 1 sequence", f"decode, {plan.sequences} sequences")))
    print(f"\n## {name}: tokens/s; times: {ours} over the peer, round by round")
    _print_row(["", ours] + [title for peer in peers for title in (peer, "times")])
    _print_row(["---"] * (2 + 2 * len(peers)))
    for load in LOADS:
        row = [titles[load], spread((turns[ours]["speeds"][load] for turns in rounds), 0)]
        for peer in peers:
            row.append(spread((turns[peer]["speeds"][load] for turns in rounds), 0))
            row.append(spread((turns[ours]["speeds"][load] / turns[peer]["speeds"][load] for turns in rounds), 2))
        _print_row(row)
    _print_conditions(titles, rounds)


def _print_conditions(titles, rounds):
    engines = list(rounds[0])
    print("\nPercent of the limit: the bf16 peak or the read bandwidth, measured just before each turn")
    _print_row([""] + engines)
    _print_row(["---"] * (1 + len(engines)))
    for load in rounds[0][engines[0]]["shares"]:
        _print_row([titles[load]] + [spread((100 * turns[engine]["shares"][load] for turns in rounds), 0)
                                     for engine in engines])
    for ceiling in ("bf16 GFLOP/s", "read GB/s"):
        _print_row([ceiling] + [spread((turns[engine]["ceilings"][ceiling] for turns in rounds), 0)
                                for engine in engines])
    _print_row(["percent of the processors taken by others"] +
               [spread((turns[engine]["others_percent"] for turns in rounds), 0) for engine in engines])


def _print_row(cells):
    print("| " + " | ".join(cells) + " |")
