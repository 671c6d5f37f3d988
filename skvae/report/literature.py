"""The papers that the methods of a report cite."""

__all__ = ["LITERATURE"]

LITERATURE = {
    "Varma and Simon 2006": "S. Varma and R. Simon (2006). Bias in error estimation when "
    "using cross-validation for model selection. BMC Bioinformatics 7, 91.",
    "Nadeau and Bengio 2003": "C. Nadeau and Y. Bengio (2003). Inference for the "
    "generalization error. Machine Learning 52, 239-281.",
    "Holm 1979": "S. Holm (1979). A simple sequentially rejective multiple test procedure. "
    "Scandinavian Journal of Statistics 6, 65-70.",
    "Benavoli et al. 2017": "A. Benavoli, G. Corani, J. Demšar and M. Zaffalon (2017). "
    "Time for a change: a tutorial for comparing multiple classifiers through Bayesian "
    "analysis. Journal of Machine Learning Research 18 (77), 1-36.",
    "DeLong et al. 1988": "E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson (1988). "
    "Comparing the areas under two or more correlated receiver operating characteristic "
    "curves: a nonparametric approach. Biometrics 44, 837-845.",
    "Wilson 1927": "E. B. Wilson (1927). Probable inference, the law of succession, and "
    "statistical inference. Journal of the American Statistical Association 22, 209-212.",
    "Van Calster et al. 2019": "B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants "
    "and E. W. Steyerberg (2019). Calibration: the Achilles heel of predictive analytics. "
    "BMC Medicine 17, 230.",
    "Vickers and Elkin 2006": "A. J. Vickers and E. B. Elkin (2006). Decision curve "
    "analysis: a novel method for evaluating prediction models. Medical Decision Making "
    "26, 565-574.",
    "Riley et al. 2020": "R. D. Riley, J. Ensor, K. I. E. Snell et al. (2020). Calculating "
    "the sample size required for developing a clinical prediction model. BMJ 368, m441.",
    "van Griethuysen et al. 2017": "J. J. M. van Griethuysen, A. Fedorov, C. Parmar et al. "
    "(2017). Computational radiomics system to decode the radiographic phenotype. Cancer "
    "Research 77 (21), e104-e107.",
    "Bonett and Wright 2000": "D. G. Bonett and T. A. Wright (2000). Sample size "
    "requirements for estimating Pearson, Kendall and Spearman correlations. Psychometrika "
    "65, 23-28.",
}
