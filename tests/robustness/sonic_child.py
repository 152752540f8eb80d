"""Runs commands of the sonic engine, each in a fork of this process, which has loaded what all of them need.

A line of JSON on stdin: {"arguments": [...], "products": n, "said": file for stderr}; products: of large matrices, so many in every pass
of the UNet, which then takes as long as a real one.
The answers, a line each on stdout: {"process": its id}; when it has ended {"code": exit code, negative for a signal, "cpu": seconds}.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    from sonic_core.threads import prepare_process

    prepare_process()
    import sonic_core.engines.sonic.engine
    import sonic_core.media.writer  # noqa: F401
    from sonic_core import cli
    from sonic_core.engines.sonic import picture

    picture.generated_size = lambda width, height, short: (64, 64)
    for line in sys.stdin:
        case = json.loads(line)
        process = os.fork()
        if not process:
            said = os.open(case["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            slowed(case["products"])
            code = cli.main(case["arguments"])
            sys.stderr.flush()
            os._exit(code)
        tell(process=process)
        _, status, used = os.wait4(process, 0)
        tell(code=os.waitstatus_to_exitcode(status), cpu=used.ru_utime + used.ru_stime)


def tell(**line: object) -> None:
    print(json.dumps(line), flush=True)


def slowed(products: int) -> None:
    import torch

    from sonic_core.engines.sonic.unet import SonicUNet

    forward, work = SonicUNet.forward, torch.ones(1024, 1024)

    def slowly(unet, *args, **options):
        print("in a pass", file=sys.stderr, flush=True)
        for _ in range(products):
            work @ work
        return forward(unet, *args, **options)

    SonicUNet.forward = slowly


if __name__ == "__main__":
    main()
