"""Python functions in processes of their own: what crashes there ends a task, not the job."""
