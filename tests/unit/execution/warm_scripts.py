"""Scripts whose output and end must not depend on how they are started."""

SAME = {
    "what Python says of itself": """
import sys, os, gc, threading, signal, warnings
print(__name__, __file__, __package__, __spec__, __doc__, __builtins__, __cached__)
print(__loader__.name, __loader__.path)
print(sorted(globals()), vars() is vars(sys.modules["__main__"]))
print(sys.argv, sys.orig_argv, sys.path, sys.executable, sys.prefix, sys.flags, sys.warnoptions)
print(sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold(), threading.enumerate()[0].name)
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.line_buffering)
    print(stream.write_through, stream.seekable(), stream.isatty(), stream.buffer.raw.name, stream.closed)
    print(stream is getattr(sys, f"__{stream.name[1:-1]}__"))
""",
    "what the system says of it": """
import os, sys, signal
print(os.getcwd(), os.getsid(0) == os.getpgid(0) == os.getpid(), os.umask(0), os.sched_getaffinity(0))
print({n: signal.getsignal(n) for n in signal.valid_signals()}, signal.pthread_sigmask(0, ()))
print(sorted(os.listdir("/proc/self/fd")), repr(sys.stdin.read()))
text = open("/proc/self/status").read().split()
print([text[text.index(name) + 1] for name in ("SigBlk:", "SigIgn:", "SigCgt:", "Threads:", "NoNewPrivs:")])
""",
    "environment": """
import os, subprocess, sys
print({name: value for name, value in os.environ.items()}["OWN"], os.environb[b"OWN"], os.getenv("HOME"))
sys.stdout.flush()
os.system('echo "$OWN $ROSE_TASK $ROSE_RUN"')
print(subprocess.run(["/usr/bin/env"], capture_output=True, text=True).stdout.count("OWN"))
here = dict(entry.split("=", 1) for entry in open("/proc/self/environ").read().split("\\0") if entry)
print(here["ROSE_RUN"], here["ROSE_TASK"], here["ROSE_ATTEMPT"], os.environ.get("ROSE_LABEL"))
""",
    "arguments": "import sys; print(sys.argv[1:])",
    "encoding": "print('é', '\\udce9'.encode('utf-8', 'surrogateescape'), ascii(__import__('sys').argv))",
    "exit with a number": "import sys; sys.exit(3)",
    "exit with nothing": "import sys; print(1); sys.exit()",
    "exit with words": "import sys; sys.exit('words')",
    "exit with true": "import sys; sys.exit(True)",
    "exit with a negative number": "import sys; sys.exit(-2)",
    "exit with a large number": "import sys; sys.exit(2000 + 2**40)",
    "exit with too large a number": "import sys; sys.exit(2**70)",
    "exit at once": "import os; print('never seen'); os._exit(9)",
    "exception": """
import json
def f(x):
    try:
        return 1 / x
    except ZeroDivisionError as error:
        raise ValueError('no') from error
print(1)
f(0)
""",
    "exception in a library": "import json; json.loads('{')",
    "two exceptions": """
try:
    {}['a']
except KeyError:
    int('x')
""",
    "group of exceptions": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "hook for exceptions": "import sys; sys.excepthook = lambda *told: print(told[:2]); 1 / 0",
    "failing hook for exceptions": """
import sys
def hook(*told): raise KeyError(1)
sys.excepthook = hook
1 / 0
""",
    "exit in the hook": "import sys\ndef hook(*told): sys.exit(5)\nsys.excepthook = hook\n1 / 0",
    "syntax error": "x = (1\ny = 2\n",
    "wrong indentation": "  x = 1\n",
    "null character": "x = '\0'",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt of one's own": "class Interrupt(KeyboardInterrupt): pass\nraise Interrupt",
    "interrupt by signal": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "killed": "import os, signal; print('never seen'); os.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "functions at exit": """
import atexit, sys
atexit.register(print, 'first')
atexit.register(lambda: 1 / 0)
atexit.register(print, 'last')
sys.exit(4)
""",
    "threads at exit": """
import threading, time, atexit
atexit.register(print, 'exit')
def work():
    time.sleep(0.1)
    print('thread')
threading.Thread(target=work).start()
print('main')
""",
    "daemon threads at exit": """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print('main')
""",
    "pools of threads": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(3)
pool.submit(print, 'thread')
""",
    "objects at exit": """
import sys, os
class Final:
    def __init__(self, name): self.name = name
    def __del__(self): os.write(1, self.name.encode() + b'\\n')
class Cycle(Final): pass
a = Final('plain')
c = Cycle('cycle'); c.me = c
sys.kept = Final('kept')
print('end')
del sys.kept
1 / 0
""",
    "files left open": """
import sys, io
a = open('a', 'w'); a.write('x' * 10)
b = open('b', 'wb'); b.write(b'y' * 10)
sys.kept = open('c', 'w+'); sys.kept.write('z' * 10)
def f():
    global d
    d = open('d', 'w'); d.write('w')
f()
import atexit
def look():
    print([len(open(n).read()) for n in 'abcd'])
""",
    "streams of C left full": """
import ctypes
libc = ctypes.CDLL(None)
libc.printf(b'from C\\n')
print('from Python', flush=True)
""",
    "closed standard output": "import os; print('x'); os.close(1)",
    "closed stream": "import sys; print('x'); sys.stdout.close()",
    "no stream": "import sys; print('x'); sys.stdout = None; sys.stderr = None",
    "stream of one's own": "import sys, io; sys.stdout = io.StringIO(); print('x')",
    "much output": """
import sys
for i in range(40000): print('x' * 50, i)
print('y' * 100000, file=sys.stderr)
""",
    "order of output": """
import os, sys
print('buffered')
os.write(1, b'direct\\n')
print('err', file=sys.stderr)
""",
    "fork in the script": """
import os, sys
print('both')
if os.fork():
    os.wait()
    sys.exit(6)
""",
    "coroutine never awaited": "async def f(): pass\nf()",
    "warnings": "import warnings\nwarnings.warn('careful')\nprint(1)",
    "destructors that warn": """
import warnings
warnings.simplefilter('always')
class Final:
    def __del__(self): warnings.warn(f"final {warnings is not None}", stacklevel=2)
x = Final()
y = Final(); y.me = y
def f(): pass
""",
    "names for pickles": """
import pickle
class Point:
    x = 1
print(pickle.loads(pickle.dumps(Point)) is Point, __import__('__main__').Point is Point)
""",
    "processes by fork": """
import multiprocessing
def work(x): return x * x
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print(pool.map(work, range(5)))
""",
    "processes by spawn": """
import multiprocessing, os
def work(x): return x * x
if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print(pool.map(work, range(5)))
""",
    "standard library": """
import csv, sqlite3, json, decimal, asyncio
print(asyncio.run(asyncio.sleep(0, 3)))
""",
    "event loop and child": """
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec('/bin/echo', 'child')
    print(await process.wait())
asyncio.run(main())
""",
    "another program in its place": "import os; os.execv('/bin/echo', ['echo', 'replaced'])",
    "numpy": """
import numpy as np
a = np.arange(40000.0).reshape(200, 200)
print((a @ a).sum(), np.linalg.eigvalsh(a @ a.T)[-1])
""",
}
