//! How the page looks: light or dark as the reader's system is, in one column on a phone and in two beside each other on a desk, black on white in
//! print. The colours are Okabe and Ito's, which colour-blind readers can tell apart; darker on white and lighter on black, so that names can be read.

pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--paper:#ffffff;--card:#f6f6f4;--ink:#1b1b1b;--soft:#5c5c5c;--line:#dcdcd8;--grid:#e7e7e3;--strong:#eaf2f8;
--s0:#0072b2;--s1:#b84d00;--s2:#00795a;--disc:#0072b2;--on:#ffffff}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15171b;--card:#1e2127;--ink:#ececea;--soft:#a9acb2;--line:#353941;--grid:#2a2e35;--strong:#1d3040;
--s0:#6cc0f0;--s1:#f0a63c;--s2:#3fc9a0;--disc:#6cc0f0;--on:#10141a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem 1.25rem 4rem;max-width:70rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans','DejaVu Sans',sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:3rem 0 .6rem;padding-top:.9rem;border-top:2px solid var(--line)}
h3{font-size:1.02rem;margin:1.4rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}.note,figcaption{color:var(--soft);font-size:.875rem}.sub{color:var(--soft)}
.note,figcaption{overflow-wrap:anywhere}
a{color:var(--s0)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1.1rem 0 0;padding:0;font-size:.93rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.4rem,1fr));gap:.7rem;margin:1.3rem 0 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.tile b{display:block;font-size:1.4rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.82rem;line-height:1.3;display:block}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:.6rem 2rem;align-items:start;margin:.8rem 0}
.beside>div{min-width:0}
figure{margin:0}figure svg{display:block;width:100%;height:auto;max-width:36rem}figcaption{margin:.3rem 0 .6rem}
.scroll{overflow-x:auto;margin:.2rem 0 .8rem}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.26rem .55rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;line-height:1.25;vertical-align:bottom}td.n,th.n{text-align:right}td.n{white-space:nowrap}
tr.strong td{background:var(--strong);font-weight:600}
.keys td{overflow-wrap:anywhere}.keys td:first-child{width:45%}
.warn{border-left:4px solid var(--s1);background:var(--card);padding:.5rem .9rem;margin:.8rem 0;border-radius:0 .4rem .4rem 0}
.warn p{margin:.2rem 0;max-width:none;overflow-wrap:anywhere}
.sample{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.55rem .8rem;margin:0 0 .7rem;font-size:.93rem}
.sample dl{display:grid;grid-template-columns:auto 1fr;gap:.12rem .7rem;margin:0}
.sample dt{color:var(--soft);font-size:.8rem;padding-top:.12rem}.sample dd{margin:0;overflow-wrap:anywhere}
.sample .score{color:var(--soft);font-size:.8rem;text-align:right;margin:0;max-width:none}
footer{margin-top:3rem;border-top:2px solid var(--line);padding-top:.8rem}
svg text{font-family:inherit;font-size:12px;fill:var(--ink)}
svg .middle{text-anchor:middle}svg .end{text-anchor:end}svg .soft,svg .small{fill:var(--soft)}svg .small{font-size:11px}
svg .title{font-weight:600;font-size:13px}svg .name{font-weight:600}
svg .grid{stroke:var(--grid);fill:none}svg .axis{stroke:var(--soft);fill:none}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round}svg .bar{stroke:var(--s0);stroke-width:1.5;opacity:.45}
svg .line.s0{stroke:var(--s0)}svg .line.s1{stroke:var(--s1)}svg .line.s2{stroke:var(--s2)}
svg .dot.s0,svg .name.s0{fill:var(--s0)}svg .dot.s1,svg .name.s1{fill:var(--s1)}svg .dot.s2,svg .name.s2{fill:var(--s2)}
svg .disc{fill:var(--disc)}svg .number{fill:var(--on);text-anchor:middle;font-weight:700;font-size:10.5px}svg .label{font-size:11.5px}
@media (max-width:30rem){body{padding:1rem .9rem 3rem}h1{font-size:1.55rem}.tile b{font-size:1.2rem}table{font-size:.8rem}th,td{padding:.26rem .28rem}}
@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}h2,h3{break-after:avoid}h2{margin-top:1.6rem}table,.note,figcaption,.sample{font-size:8pt}th,td{padding:.15rem .3rem}
.sample dt,.sample .score{font-size:7pt}h2+p{break-after:avoid}p{break-inside:avoid}
figure,.sample,.tile,tr{break-inside:avoid}.beside{grid-template-columns:1fr 1fr}.scroll{overflow:visible}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
";
