"""What runs next: the learners' loops, driven through an executor, without MPI or files."""
