# SPDX-License-Identifier: GPL-2.0-or-later
# report.json as the lines of README.md that stand between the marks; see tests/bench/publish.
def row($text; $figure; $at): { text: $text, figure: $figure, at: $at };
def rows: [
	row("One TCP stream, bit/s"; "bulk"; "1 up"),
	row("Eight TCP streams, bit/s"; "bulk"; "8 up"),
	row("Established datagrams of 64 bytes, a second"; "rate"; "64"),
	row("The same, at random over 100,000 sessions"; "concurrent"; "100000"),
	row("New sessions a second, free ports"; "opened"; "fresh"),
	row("New sessions a second, colliding ports"; "opened"; "colliding"),
	row("HTTP connections a second"; "connections"; "a second"),
	row("First packet of a flow, us, median"; "latency_idle"; "first median"),
	row("First packet of a flow, us, 99th percentile"; "latency_idle"; "first p99"),
	row("Later packets, us, median"; "latency_idle"; "later median"),
	row("16,384 connections by 16,384 ports: lost"; "pool_lost"; "lost"),
	row("Memory for a session, bytes"; "memory"; "100000")
];
# Three digits.
def digits: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end;
def short: if . == null then "-" elif . >= 1e9 then "\(. / 1e9 | digits) G" elif . >= 1e6 then "\(. / 1e6 | digits) M"
	elif . >= 1e4 then "\(. / 1e3 | digits) k" else "\(digits)" end;
def hundredths: . * 100 | round / 100;

. as $report |
"On \(.machine.cores) cores of \(.machine.cpu), Linux \(.machine.kernel), at \(.commit); medians of \(.rounds) round\(if .rounds == 1 then "" else "s" end). Sender,",
"gateway and receiver share these cores: the ratios, sluice to the kernel's NAT of the same round, travel to",
"other machines; the rates do not.\n",
"| | plain forwarding | kernel NAT | sluice | ratio | `fastpath off` | ratio |",
"|---|---|---|---|---|---|---|",
(rows[] | . as $row | $report.figures[] | select(.figure == $row.figure) | .points[] | select(.at == $row.at) |
	"| \($row.text) | \(.gateways.plain.median | short) | \(.gateways.kernel.median | short) | \(.gateways.fastpath.median | short) | \(.against_kernel.fastpath.median | hundredths? // "-") | \(.gateways.queue.median | short) | \(.against_kernel.queue.median | hundredths? // "-") |"),
"",
([.aims[] | select(.met | not)] | if . == [] then "All that is wanted is met." else
	"Wanted and not met: \(map("\(.title), \(.at)\(if .gateway == "queue" then " with `fastpath off`" else "" end): \(.found | hundredths)\(if .ratio then " of the kernel" else " \(.unit)" end), not \(.least // .most)") | join("; "))." end),
"",
(.figures[] | select(.figure == ("bulk", "rate", "opened", "latency_idle")) | "![\(.title)](docs/figures/\(.figure).svg)")
