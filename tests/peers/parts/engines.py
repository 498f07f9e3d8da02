"""Engines to measure: each runs one shape once and says its tokens per second under three loads."""
import json
import re
import statistics
import subprocess
from dataclasses import dataclass

LOADS = ("prefill", "decode", "decode together")
FIRST_PROMPT = 32  # tokens of each sequence before they are decoded together, as in `switchyard bench`


@dataclass(frozen=True)
class Plan:
    threads: int
    prompt: int  # tokens of the prefill
    decode: int  # tokens that a sequence is continued by
    sequences: int  # decoded together
    repeats: int  # of the prefill
    deadline_s: int  # of a program


class Switchyard:
    """Ours. It decodes greedily over random weights: a sequence soon repeats a few tokens."""

    name = "switchyard"

    def __init__(self, program, plan):
        self._program, self._plan = program, plan

    def ceilings(self):
        """{"bf16 GFLOP/s", "read GB/s", ...} as they are now."""
        return self._bench("ceilings")[0]["header"]

    def measure(self, shape_file, _):
        """({load: tokens/s}, ceilings just before, {load: tokens/s at those ceilings, where there is one})"""
        header, *rows = self._bench(
            "model", "--config", shape_file, "--prompt-tokens", self._plan.prompt, "--decode-tokens", self._plan.decode,
            "--batch", self._plan.sequences, "--repeats", self._plan.repeats)
        speeds = {load: row["achieved"] for load, row in zip(LOADS, rows)}
        limits = {load: row["ceiling"] for load, row in zip(LOADS, rows) if "ceiling" in row}
        return speeds, header["header"], limits

    def _bench(self, area, *flags):
        command = [self._program, "bench", area, "--threads", self._plan.threads, "--precision", "bf16",
                   "--json-lines", "--quiet", *flags]
        run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True,
                             timeout=self._plan.deadline_s)
        return [json.loads(line) for line in run.stdout.splitlines()]


class Peer:
    """llama.cpp or ik_llama.cpp by their llama-bench and llama-batched-bench, in `folder`. Weights are read
    into memory, not mapped; `repack`: packed for the kernels at load (`-rtr`, ik only); else as shipped."""

    def __init__(self, name, folder, plan, scratch, repack=False):
        self.name = f"{name} -rtr" if repack else name
        self._plan, self._scratch = plan, scratch  # some builds leave a log in the working folder
        self._single, self._batched = f"{folder}/llama-bench", f"{folder}/llama-batched-bench"
        single_help, batched_help = self._help(self._single), self._help(self._batched)
        self.can_repack = "-rtr" in single_help and "-rtr" in batched_help
        self._single_flags = ["-lm", "none"] if "--load-mode" in single_help else ["-mmp", "0"]
        self._batched_flags = ["--load-mode", "none"] if "--load-mode" in batched_help else ["--no-mmap"]
        if repack:
            self._single_flags += ["-rtr", "1"]
            self._batched_flags += ["-rtr"]

    def measure(self, _, model_file):
        """{load: tokens/s}"""
        prompt, one = self._one_sequence(model_file)
        return dict(zip(LOADS, (prompt, one, self._together(model_file))))

    def _one_sequence(self, model_file):
        """Random tokens. Medians of the repeats after one that warms up."""
        plan = self._plan
        run = self._run([self._single, "-m", model_file, "-t", plan.threads, "-p", plan.prompt, "-n", plan.decode,
                             "-r", plan.repeats, "-o", "json", *self._single_flags])
        tests = json.loads(re.search(r"^\[$.*^\]$", run.stdout, re.M | re.S)[0])
        samples = {test["n_prompt"]: test["samples_ts"] for test in tests}
        return statistics.median(samples[plan.prompt]), statistics.median(samples[0])

    def _together(self, model_file):
        plan = self._plan
        context = plan.sequences * -(-(FIRST_PROMPT + plan.decode) // 256) * 256
        run = self._run([self._batched, "-m", model_file, "-t", plan.threads, "-c", context, "-b", 2048, "-ub", 512,
                             "-npp", FIRST_PROMPT, "-ntg", plan.decode, "-npl", plan.sequences, *self._batched_flags])
        text = run.stdout + "\n" + run.stderr  # ik's prints its table to stderr
        row = re.search(rf"^\| *{FIRST_PROMPT} \| *{plan.decode} \| *{plan.sequences} \|(.*)\|$", text, re.M)
        if row is None:
            raise RuntimeError(f"{self._batched}: no row of {plan.sequences} sequences in:\n{text[-2000:]}")
        return float(row[1].split("|")[4])  # N_KV, T_PP, S_PP, T_TG, S_TG, ...

    def _help(self, program):
        run = subprocess.run([program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", timeout=60, cwd=self._scratch)
        return run.stdout

    def _run(self, command):
        command = list(map(str, command))
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                             timeout=self._plan.deadline_s, cwd=self._scratch)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {run.returncode}:\n{run.stderr[-2000:]}")
        return run
