"""What a run looks like: one HTML file to explore, a frontier figure for a README, transcripts in the terminal.

```python
write_report(Path("report.html"), ReportData(title="travel", frontier=frontier, summaries=[("ask_all", "scripted", summary)]))
write_frontier_figures(Path("docs"), frontier)
print_transcript(rich.console.Console(), trajectory)
```
"""

from bao.report.figure import frontier_figure, write_frontier_figures
from bao.report.page import ReportData, write_report
from bao.report.transcript import print_transcript

__all__ = ["ReportData", "frontier_figure", "print_transcript", "write_frontier_figures", "write_report"]
