# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark's values, a line "round gateway figure at number" each, as one JSON document.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def summary: { median: median, min: min, max: max, values: . };
def in_order: reduce .[] as $item ([]; if index([$item]) then . else . + [$item] end);
# Of rounds in which both were measured: what the machine did then fell on both.
def ratios($of; $to): [$of[] as $a | $to[] | select(.round == $a.round and .value > 0) | $a.value / .value];

# What is wanted: figure, at, gateway, whether the number is the ratio to the kernel, and the bound.
def aims: [
	{ figure: "bulk", at: "1 up", gateway: "fastpath", ratio: true, least: 0.95 },
	{ figure: "bulk", at: "1 down", gateway: "fastpath", ratio: true, least: 0.95 },
	{ figure: "bulk", at: "8 up", gateway: "fastpath", ratio: true, least: 0.95 },
	{ figure: "bulk", at: "8 down", gateway: "fastpath", ratio: true, least: 0.95 },
	{ figure: "rate", at: "64", gateway: "fastpath", ratio: true, least: 1.5 },
	{ figure: "rate", at: "64", gateway: "queue", ratio: true, least: 0.55 },
	{ figure: "concurrent", at: "1000000", gateway: "fastpath", ratio: true, least: 1.6 },
	{ figure: "opened", at: "fresh", gateway: "fastpath", ratio: true, least: 0.8 },
	{ figure: "opened", at: "colliding", gateway: "fastpath", ratio: true, least: 0.8 },
	{ figure: "latency_idle", at: "first p99", gateway: "fastpath", ratio: false, most: 100 },
	{ figure: "latency_idle", at: "later p99", gateway: "fastpath", ratio: true, most: 1 },
	{ figure: "pool_lost", at: "lost", gateway: "fastpath", ratio: false, most: 0 },
	{ figure: "pool_lost", at: "left unused", gateway: "fastpath", ratio: false, most: 0 },
	{ figure: "memory", at: "100000", gateway: "queue", ratio: false, most: 256 }
];
# Of those that were measured: what was found, and whether that is enough.
def judged: .figures as $figures | [aims[] | . as $aim | ($figures[] | select(.figure == $aim.figure)) as $figure |
	($figure.points[] | select(.at == $aim.at)) as $point |
	(if .ratio then $point.against_kernel[.gateway] else $point.gateways[.gateway] end) | select(. != null) | .median as $found |
	$aim + { title: $figure.title, unit: $figure.unit, found: $found,
		 met: ($found >= ($aim.least // $found) and $found <= ($aim.most // $found)) }];

# ns for one datagram of 64 bytes, by all that sender, gateway and receiver do, and without what the generator
# alone takes for it.
def costs: . as $figures | [$figures[] | select(.figure == "generator") | .points[] | select(.at == "64") | .gateways.plain.median][0] as $alone |
	[$figures[] | select(.figure == "rate" or .figure == "concurrent") | .figure as $name | .points[] |
	 select($name == "concurrent" or .at == "64") |
	 { what: (if $name == "rate" then "one session" else "\(.at) sessions" end),
	   gateways: (.gateways | map_values(select(.median > 0) | 1e9 / .median |
		{ all: ., without_generator: (if $alone then . - 1e9 / $alone else null end) })) }];

[inputs | split("\t") | { round: (.[0] | tonumber), gateway: .[1], figure: .[2], at: .[3], value: (.[4] | tonumber) }] as $all |
{ machine: { cpu: $cpu, cores: ($cores | tonumber), memory: ($memory | tonumber), kernel: $kernel },
  generator: $generator, failed: ($failed | split("\n") | map(select(. != ""))),
  took: [$took | split("\n")[] | select(. != "") | split("\t") | { part: .[0], gateway: .[1], seconds: (.[2] | tonumber) }],
  stolen_s: (($stolen | tonumber) / ($ticks | tonumber)),
  versions: ($versions | split("\n") | join(", ")), commit: $commit, load_before: ($load | tonumber),
  cores_awake: ($awake != ""), quick: ($quick != ""),
  rounds: ($rounds | tonumber), seconds_each: ($each | tonumber), paces: $paces, seconds: ($seconds | tonumber),
  gateways: ($gateways | split(" ")),
  figures: [$figures | split("\n")[] | select(. != "" and (startswith("#") | not)) | split("\t") |
	{ figure: .[0], title: .[1], unit: .[2], better: .[3], method: .[4] } |
	[$all[] as $v | select($v.figure == .figure) | $v] as $mine | select($mine | length > 0) |
	.points = [([$mine[].at] | in_order)[] as $at | [$mine[] | select(.at == $at)] as $here |
		{ at: $at,
		  gateways: ([($gateways | split(" "))[] as $g | [$here[] | select(.gateway == $g)] |
			select(length > 0) | { key: $g, value: ([.[].value] | summary) }] | from_entries),
		  against_kernel: ([("fastpath", "queue") as $g |
			ratios([$here[] | select(.gateway == $g)]; [$here[] | select(.gateway == "kernel")]) |
			select(length > 0) | { key: $g, value: summary }] | from_entries) }]],
  engine: { new_sessions: $sessions, witness: $witness, table: $table } } |
.each = (.figures | costs) |
.aims = judged
