"""What this package costs, beside what people use today; run ``python -m benchmarks``."""
