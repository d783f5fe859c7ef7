/** The report as one page that needs nothing else: text, tables, plots by uPlot, which is copied into it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { showSpread } from "../harness/stats.js";
import { type Plot, plots } from "./plots.js";
import { against, type Cell, cellOf, claims, isPartial, type SideBySide, spread } from "./report.js";

const UPLOT = dirname(createRequire(import.meta.url).resolve("uplot"));

export function page(report: SideBySide): string {
	const { machine, worsened } = report;
	const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
	const workloads = [...new Set(report.cells.map((cell) => cell.workload))];
	const drawn = plots(report);
	const proxies = report.modes.filter(({ isProxy }) => isProxy).map(({ name }) => name);
	const worse = [
		worsened.delay === "" ? "" : `answers come later, milliseconds by mode: ${worsened.delay}`,
		worsened.drop === "" ? "" : `one exchange in so many is thrown out of the files, by mode: ${worsened.drop}`,
	].filter(Boolean);
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>polytap: side by side</title>
<style>${asset("uPlot.min.css")}
body{font:15px/1.5 system-ui,sans-serif;max-width:1500px;margin:2em auto;padding:0 1em;color:#222}
.wide{overflow-x:auto;margin:.5em 0 1.5em}.wide table{border-collapse:collapse;font-size:12px}.wide td{white-space:nowrap}small{color:#777;font-size:10px}
.wide th,.wide td{border:1px solid #ccc;padding:.25em .5em;text-align:right}.wide th:first-child,.wide td:first-child{text-align:left}
.worse{background:#fdd;padding:.5em}.plot{display:inline-block;vertical-align:top;margin:0 1em 1em 0}.plot .u-legend{font-size:12px}
</style></head><body>
<h1>Side by side</h1>
<p><code>${text(report.command)}</code>, ${text(report.date.slice(0, 10))}</p>
<p>${machine.processors} × ${text(machine.processor)}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, Linux ${text(machine.kernel)}; Node.js ${text(machine.node)}, ${text(versions.join(", "))}; commit ${text(machine.commit)}; load average before: ${machine.loadBefore.toFixed(2)}</p>
${isPartial(report) ? `<p class="worse">${text(partly(report))}</p>` : ""}
${worse.length === 0 ? "" : `<p class="worse">Made worse on purpose: ${text(worse.join("; "))}.</p>`}
<ul>${report.modes.map(({ name, what }) => `<li><b>${text(name)}</b>: ${text(what)}</li>`).join("")}</ul>
<h2>Published claims</h2>
${proxies.map((proxy) => claimTable(report, proxy)).join("")}
<h2>Plots</h2>
${drawn.map((_, index) => `<div class="plot" id="plot${index}"></div>`).join("")}
<h2>Killed in the middle of a load</h2>
${table(
	["mode", "requests", "failed"],
	report.kills.map(({ mode, requests, failed }) => [mode, String(requests), String(failed)]),
)}
${workloads.map((workload) => section(report, workload)).join("")}
<h2>Method</h2><ul>${report.method.map((line) => `<li>${text(line)}</li>`).join("")}</ul>
<script>${asset("uPlot.iife.min.js")}</script>
<script>${script(
		drawn,
		report.modes.map(({ name }) => name),
	)}</script>
</body></html>
`;
}

function partly({ extent: { pieces, done, failed, begun } }: SideBySide): string {
	const why = failed.length === 0 ? "the run was cut off" : `failed: ${failed.join("; ")}`;
	return `PARTIAL: ${done.length} of ${pieces} pieces are measured (a piece is all modes once under one workload); ${why}. Begun ${begun.join(", ")}.`;
}

function claimTable(report: SideBySide, proxy: string): string {
	const rows = claims(report, proxy).map(({ published, measured }) => [published, measured ?? "not in this run"]);
	return `<p>eBPF against ${text(proxy)}:</p>${table(["published", "measured here"], rows)}`;
}

function section(report: SideBySide, workload: string): string {
	const counts = [...new Set(report.cells.filter((c) => c.workload === workload).map((c) => c.instances))];
	return counts
		.map((instances) => {
			const cells = report.cells.filter((c) => c.workload === workload && c.instances === instances);
			const bare = cellOf(report, workload, "none", instances);
			const title = counts.length === 1 ? workload : `${workload}, ${instances} instance${instances === 1 ? "" : "s"}`;
			return `<h2>${text(title)}</h2>${table(
				HEAD,
				cells.map((cell) => row(cell, bare)),
			)}`;
		})
		.join("");
}

const HEAD = [
	"mode",
	"requests/s",
	"kept",
	"p50 µs",
	"added p50",
	"p90 µs",
	"p99 µs",
	"added p99",
	"p99.9 µs",
	"failed",
	"app CPU µs/request",
	"capture CPU µs/request",
	"BPF µs/request",
	"RSS MB",
	"PSS MB",
	"PSS MB/instance",
	"context switches/request",
	"captured %",
	"intact %",
	"lost bytes",
];

function row(cell: Cell, bare: Cell | undefined): string[] {
	const show = (pick: Parameters<typeof spread>[1], digits = 0) => showSpread(spread(cell, pick), digits);
	const compared = (pick: Parameters<typeof against>[2], digits = 0) => showSpread(against(cell, bare, pick), digits);
	const isWatched = (value: number) => (cell.mode.startsWith("none") ? null : value);
	return [
		cell.mode,
		show((s) => s.requestsPerSecond),
		compared((s, b) => s.requestsPerSecond / b.requestsPerSecond, 2),
		show((s) => s.p50Us),
		compared((s, b) => s.p50Us - b.p50Us),
		show((s) => s.p90Us),
		show((s) => s.p99Us),
		compared((s, b) => s.p99Us - b.p99Us),
		show((s) => s.p999Us),
		show((s) => s.failed),
		show((s) => s.appCpuUsPerRequest, 2),
		show((s) => isWatched(s.captureCpuUsPerRequest), 2),
		show((s) => s.bpfUsPerRequest, 2),
		show((s) => isWatched(s.captureRssBytes / 1e6)),
		show((s) => isWatched(s.capturePssBytes / 1e6)),
		show((s) => isWatched(s.capturePssBytes / 1e6 / cell.instances), 1),
		show((s) => s.contextSwitchesPerRequest, 2),
		show((s) => s.capturedPercent, 3),
		show((s) => s.intactPercent, 3),
		show((s) => s.lostBytes),
	];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	// the spread below its median: the columns become half as wide
	const shown = (cell: string) => text(cell).replace(/^(\S+) (\(\S+–\S+\))$/, "$1<br><small>$2</small>");
	const cells = (tag: string, list: readonly string[]) =>
		list.map((cell) => `<${tag}>${shown(cell)}</${tag}>`).join("");
	return `<div class="wide"><table><tr>${cells("th", head)}</tr>${rows.map((list) => `<tr>${cells("td", list)}</tr>`).join("")}</table></div>`;
}

function script(drawn: readonly Plot[], modes: readonly string[]): string {
	// what closes a script element inside of one must not look like it
	const data = JSON.stringify(drawn).replaceAll("<", "\\u003c");
	return `
const palette=["#1769aa","#c0392b","#2e8b57","#e69f00","#8e44ad","#00a3a3"];
const watching=${JSON.stringify(modes.filter((name) => !name.startsWith("none")))};
const color=n=>n==="none"?"#555":n==="none again"?"#bbb":palette[Math.max(0,watching.indexOf(n))%palette.length];
${data}.forEach((p,n)=>{
const names=p.ticks;
const ranges=p.series.flatMap(s=>(s.range??[]).filter(Boolean));
const whiskers=u=>{const c=u.ctx;c.save();c.strokeStyle="#222";c.lineWidth=devicePixelRatio;
for(const s of p.series)(s.range??[]).forEach((r,i)=>{if(!r)return;const x=Math.round(u.valToPos(p.x[i],"x",true)),w=4*devicePixelRatio;
const[a,b]=r.map(v=>Math.round(u.valToPos(v,"y",true)));c.beginPath();c.moveTo(x,a);c.lineTo(x,b);
for(const y of[a,b]){c.moveTo(x-w,y);c.lineTo(x+w,y);}c.stroke();});c.restore();};
const x={label:p.xLabel,grid:{stroke:"#eee"},...(names?{rotate:-45,size:60}:{})};
if(names){x.values=(u,vs)=>vs.map(v=>names[v]??"");x.splits=()=>names.map((_,i)=>i);}
new uPlot({title:p.title,hooks:{draw:[whiskers]},width:540,height:340,padding:[null,40,null,null],legend:{show:!p.isBars,live:false},cursor:{show:false},scales:{x:{time:false,...(p.isBars?{range:[-0.5,names.length-0.5]}:{})},y:{distr:p.isLogY?3:1,...(p.isLogY?{}:{range:(u,lo,hi)=>[0,Math.max(hi,...ranges.map(r=>r[1]))*1.05]})}},
series:[{},...p.series.map(s=>({label:s.name,stroke:color(s.name),width:2,points:{show:!p.isBars},
...(p.isBars?{fill:color(s.name)+"99",paths:uPlot.paths.bars({size:[0.7]})}:{})}))],
axes:[x,{label:p.yLabel,size:70,grid:{stroke:"#eee"}}]},[p.x,...p.series.map(s=>s.y)],document.getElementById("plot"+n));});`;
}

function asset(name: string): string {
	return readFileSync(join(UPLOT, name), "utf8");
}

function text(value: string): string {
	return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
