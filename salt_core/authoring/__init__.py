"""For those who write plugins: new packages that work from the start, and what is wrong with one."""
