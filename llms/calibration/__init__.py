"""How sure is an answer, and what may be promised about the answers that are kept?

Signals become one confidence (`signals`, `fitting`); a threshold on it is certified for one batch
(`hypergeometric`), for documents to come (`learn_then_test`) or, with few labels, on average
(`risk_control`); a standing audit notices when the promise no longer holds (`martingale`).
"""
