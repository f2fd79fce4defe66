# SPDX-License-Identifier: GPL-2.0-or-later
# report.json as a page to read.
def hundredths: . * 100 | round / 100;
def scaled: if . == null then "-" elif . >= 1e9 then "\(. / 1e9 | hundredths) G" elif . >= 1e6 then "\(. / 1e6 | hundredths) M"
	elif . >= 1e4 then "\(. / 1e3 | . * 10 | round / 10) k" else "\(hundredths)" end;
def cell: if . == null then "-" elif .min == .max then .median | scaled
	else "\(.median | scaled) (\(.min | scaled) - \(.max | scaled))" end;
def ratio: if . == null then "-" elif .min == .max then "**\(.median | hundredths)**"
	else "**\(.median | hundredths)** (\(.min | hundredths) - \(.max | hundredths))" end;

. as $report |
"# sluice against plain forwarding and the kernel's NAT\n",
"\(.machine.cpu), \(.machine.cores) cores, \(.machine.memory / 1073741824 | . * 10 | round / 10) GiB; Linux \(.machine.kernel); \(.versions); commit \(.commit).",
"\(.rounds) round\(if .rounds == 1 then "" else "s" end), all gateways in turn in each, \(.seconds) seconds in all; median (lowest - highest).",
"Sender, gateway and receiver share the cores: ratios travel to other machines, rates do not.",
"Load of the machine before it began: \(.load_before). Above 0.5 somebody else was at work too\(if .load_before > 0.5 then ", and the rates below are too low" else "" end). The machine beneath took \(.stolen_s | hundredths) s away meanwhile. \(if .cores_awake then "Cores without work polled for some, as /dev/cpu_dma_latency asks them to; with IDLE=1 they sleep." else "Cores without work slept; to be woken takes some microseconds, up to a hundred in virtual machines." end)\n",
(if .failed == [] then empty else "**Not all was measured:**\n\n\(.failed | map("- \(.)") | join("\n"))\n" end),
"`plain` forwards only. `kernel` is nftables with `ct state` and `snat`. `fastpath` is sluice as it comes, `queue` sluice with",
"`fastpath off`; `pasta` and `slirp` are processes without rights, for one client each. The ratios are sluice to kernel, of single rounds; 1 is as much as the kernel. Where less is better, below 1 is good.\n",
"## In short\n",
"| | sluice | against | wanted | met |", "|---|---|---|---|---|",
(.aims[] | "| \(.title): \(.at) | \(.gateway) | \(if .ratio then "\(.found | hundredths) of the kernel" else "\(.found | hundredths) \(.unit)" end) | \(if .least then "\(.least) or more" else "\(.most) or less" end) | \(if .met then "yes" else "**no**" end) |"),
"",
(.figures[] | . as $figure |
	"## \(.title)\n",
	"![\(.title)](\(.figure).svg)\n",
	"In \(.unit), \(.better) is better. \(.method)\n",
	"| | \($report.gateways | join(" | ")) | fastpath : kernel | queue : kernel |",
	"|---|\($report.gateways | map("---|") | join(""))---|---|",
	(.points[] | . as $point |
		"| \(.at) | \([$report.gateways[] as $g | $point.gateways[$g] | cell] | join(" | ")) | \(.against_kernel.fastpath | ratio) | \(.against_kernel.queue | ratio) |"),
	""),
(if .each == [] then empty else
"## What one datagram costs\n",
"ns of the sender's core for 64 bytes, by the medians above: all that generator, gateway and receiver do for it, and in brackets without what the generator takes alone.\n",
"| | \($report.gateways | join(" | ")) |",
"|---|\($report.gateways | map("---|") | join(""))",
(.each[] | . as $row | "| \(.what) | \([$report.gateways[] as $g | $row.gateways[$g] | if . == null then "-" else "\(.all | round)\(if .without_generator then " (\(.without_generator | round))" else "" end)" end] | join(" | ")) |"),
"" end),
if .quick then "The engine alone is measured by the long run.\n" else
"## The engine alone\n",
"No packet leaves the process here; ns of one core.\n",
"A new session, by how full its external ports are:\n",
"| measured | fill | ns |", "|---|---|---|",
(.engine.new_sessions[] | "| \(.what) | \(.fill * 1000 | round / 10) % | \(.ns | round) |"),
"\nA session by how many there are; untranslated, translated, IPv6 translated:\n",
"| sessions | | a packet, ns | a lookup, ns | new ones a second | resident MB | bytes a session |", "|---|---|---|---|---|---|---|",
(.engine.table[] | select(.bench == "sessions") | "| \(.sessions) | \(.shape) | \(.packet_ns) | \(.lookup_ns) | \(.opened_per_s | scaled) | \(.resident_bytes / 1e6 | round) | \(.bytes_each) |"),
"\nAll due at once, 512 a turn:\n",
"| sessions | | ns each | longest turn, us |", "|---|---|---|---|",
(.engine.table[] | select(.bench == "end") | "| \(.sessions) | \(.shape) | \(.ns_each) | \(.longest_turn_us) |"),
"\nWhat counting for `diagnose` costs, with it and without in turn:\n",
"| measured | without, ns | with, ns | more |", "|---|---|---|---|",
(.engine.witness[] | "| \(.what) | \(.without_ns | round) | \(.with_ns | round) | \(.more * 1000 | round / 10) % |"),
"" end,
"Floods: UDP with checksums, sent on core 0 by \(if .generator == "generate" then "a BPF program, as live frames of a test run" else "a packet socket past the queueing discipline" end), to sluice at \(.paces) packets a second",
"(0: as fast as it can), to the others as fast as it can: sender and forwarding share a core there, and nothing can be lost.",
"They are answered or thrown away by a BPF program at the server's interface. `floods.log` has every one of them.\n",
"Seconds by part: \(.took | group_by(.part) | map("\(.[0].part) \(map(.seconds) | add)") | join(", "))."
