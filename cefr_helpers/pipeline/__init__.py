"""The batch: configuration, stages run as notebooks, Snakemake, SLURM, GPUs, status."""
