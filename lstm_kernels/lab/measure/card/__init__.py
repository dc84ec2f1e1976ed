"""All that is measured of one card: `python -m lstm_kernels bench --card`, a module a section."""
