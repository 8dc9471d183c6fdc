"""What kernel_report and gpu_report are made of."""
