"""Our answer to a task, as the text that the folded cell below it shows."""

import inspect
import textwrap

from lstm_kernels.judge.source import plain

FOLDED = """\
<details>
<summary>Ours, for {number}: try yours first</summary>

```python
{source}
```

</details>"""


def source_of(task):
    """The source of our functions, one after the other; for another answer its value."""
    shown = task.shown or (task.ours,)
    return "\n\n\n".join(map(_text, shown))


def folded(task):
    """The Markdown of the folded cell."""
    return FOLDED.format(number=task.number, source=source_of(task))


def _text(part):
    function = plain(part)
    if function is None:
        return part if isinstance(part, str) else repr(part)
    return textwrap.dedent(inspect.getsource(function)).rstrip()
